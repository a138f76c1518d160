//! Servers that do not speak English.

use std::path::Path;

use crate::programs;

/// For `lc_messages`.
pub(crate) const GERMAN: &str = "de_DE.UTF-8";

/// Puts the language into a server's directory: few machines have another one than their own.
pub(crate) fn add_german(directory: &Path) {
    let mut localedef = programs::server("localedef", directory);
    localedef.args(["--no-archive", "-i", "de_DE", "-f", "UTF-8"]).arg(directory.join(GERMAN));
    programs::run(localedef);
}
