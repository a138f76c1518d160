//! What the terminal gets to see: a few lines of our own, and nothing of the failures that are staged.

use std::io::{self, Write as _};
use std::panic;

use tracing_subscriber::EnvFilter;

/// The framework logs each declined card and each panic of an activity as an error, many a minute. The exporter and
/// this program themselves may speak up. (A longer target wins, so `duroxide=off` spares `duroxide_exporter`.)
const DEFAULT_LOG: &str = "error,duroxide=off,duroxide_exporter=warn,demo=warn";

/// The sources of panics that are part of the show.
const STAGED: [&str; 2] = ["activities.rs", "orders.rs"];

/// A closed pipe or terminal must not end the shop, so a failure to print is ignored, here and below.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// For what goes wrong with the program itself.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// To be called before the runtime starts: it installs a louder log of its own if it finds none.
pub(crate) fn quieten() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    // It fails only if there is a log already, which is as good.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();

    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The framework catches it and records it in the history, which is where it belongs.
        let staged = info.location().is_some_and(|at| {
            let file = at.file();
            file.contains("demo") && STAGED.iter().any(|name| file.ends_with(name))
        });
        if !staged {
            loud(info);
        }
    }));
}
