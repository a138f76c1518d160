//! Which traces are kept: a share of all, decided by the id, and those that somebody will ask for.

use std::time::Duration;

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sampling {
    /// Of all traces, from 0 to 1.
    pub(crate) ratio: f64,
    /// All executions that failed.
    pub(crate) failed: bool,
    /// All that took at least so long.
    pub(crate) slower_than: Option<Duration>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { ratio: 1.0, failed: true, slower_than: None }
    }
}

/// How many values the random part of a trace id has, as W3C and OpenTelemetry have it: the last 56 bits.
const ALL: u64 = 1 << 56;

impl Sampling {
    /// Everybody who decides by the same id and ratio decides the same: two exporters, and a collector that samples by
    /// the id.
    pub(super) fn keeps(&self, trace_id: [u8; 16], failed: bool, took: Duration) -> bool {
        if (self.failed && failed) || self.slower_than.is_some_and(|limit| took >= limit) {
            return true;
        }
        let [.., a, b, c, d, e, f, g] = trace_id;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of 56 bits, of which the last decide about nothing"
        )]
        let threshold = ((1.0 - self.ratio.clamp(0.0, 1.0)) * ALL as f64) as u64;
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) >= threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duroxide_instrument::TraceIds;

    const QUICK: Duration = Duration::from_millis(1);

    #[test]
    fn a_share_of_all_is_kept_and_a_smaller_share_is_part_of_a_larger() {
        let ids = TraceIds::new("");
        let kept = |ratio| -> Vec<u64> {
            let sampling = Sampling { ratio, ..Sampling::default() };
            (0..10_000).filter(|n| sampling.keeps(ids.trace_id(&n.to_string(), 1), false, QUICK)).collect()
        };
        assert_eq!(kept(0.0).len(), 0);
        assert_eq!(kept(1.0).len(), 10_000);
        let (tenth, half) = (kept(0.1), kept(0.5));
        assert!((900..1_100).contains(&tenth.len()) && (4_800..5_200).contains(&half.len()));
        assert!(tenth.iter().all(|n| half.contains(n)));
    }

    #[test]
    fn what_somebody_will_ask_for_is_kept() {
        let slower_than = Some(Duration::from_secs(5));
        let sampling = Sampling { ratio: 0.0, failed: true, slower_than };
        assert!(sampling.keeps([0; 16], true, QUICK));
        assert!(sampling.keeps([0; 16], false, Duration::from_secs(5)));
        assert!(!sampling.keeps([0xff; 16], false, QUICK));
        assert!(!Sampling { failed: false, ..sampling }.keeps([0xff; 16], true, QUICK));
    }
}
