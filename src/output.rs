//! Output: families become the bytes of a response body, in the format the client asked for.
//!
//! [`render`] is pure: it reads nothing but the families it is given, so every format shows the same moment.
//! Rooms: `text` writes Prometheus text 0.0.4 and OpenMetrics 1.0 (one writer, for they differ in few places),
//! `number` spells values and bucket bounds, `negotiate` reads `Accept` and `Accept-Encoding`; `otlp` makes messages to
//! be pushed.
//! Nothing here knows a store, a view or HTTP beyond the text of those two headers.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::metrics::Family;

mod exemplar;
mod negotiate;
mod number;
pub(crate) mod otlp;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use negotiate::{Format, accepts_gzip, negotiate};

/// All families as one document.
pub(crate) fn render(families: &[Family], format: Format) -> String {
    // One series is some 100 bytes; too small a guess costs a few moves of the text, no more.
    let series: usize = families.iter().map(|family| family.samples.len()).sum();
    let mut out = String::with_capacity(128 * series + 512 * families.len());
    for family in families {
        text::write_family(&mut out, family, format);
    }
    if format == Format::OpenMetrics {
        // Its presence tells a client that the document was not cut off.
        out.push_str("# EOF\n");
    }
    out
}

/// Compresses at the fastest level: label-heavy text shrinks tenfold at any.
pub(crate) fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 6), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
