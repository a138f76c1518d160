//! Exemplars: which of them a bucket gets, and how OpenMetrics writes one.

use std::fmt;
use std::time::UNIX_EPOCH;

use crate::metrics::Exemplar;

/// The newest above one bound and not above another.
pub(super) fn within(exemplars: &[Exemplar], lower: f64, upper: f64) -> Option<&Exemplar> {
    let inside = exemplars.iter().filter(|exemplar| {
        let seconds = seconds(exemplar);
        lower < seconds && seconds <= upper
    });
    inside.max_by_key(|exemplar| exemplar.at)
}

/// How long it took.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of an execution stay far below 2^53")]
pub(super) fn seconds(exemplar: &Exemplar) -> f64 {
    exemplar.ms as f64 / 1000.0
}

/// What follows the value of a bucket: nothing, or an exemplar. Its labels have 63 characters of the 128 that are allowed.
pub(super) struct Text<'a>(pub(super) Option<&'a Exemplar>);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(exemplar) = self.0 else { return Ok(()) };
        f.write_str(" # {trace_id=\"")?;
        hex(f, &exemplar.trace_id)?;
        f.write_str("\",span_id=\"")?;
        hex(f, &exemplar.span_id)?;
        let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(f, "\"}} {:?} {}.{:03}", seconds(exemplar), at.as_secs(), at.subsec_millis())
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
