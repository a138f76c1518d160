//! Medians, and the interval of a mean.

use std::fmt;

/// The value at `share` (0 to 1) of the sorted values; 0 for none.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a few thousand values"
    )]
    let index = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(0.0)
}

/// What Student's t is at 97.5 % with one degree of freedom and more.
const STUDENT: [f64; 14] =
    [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145];

/// A mean with the half width of its 95 % interval.
pub(crate) struct Mean {
    pub(crate) mean: f64,
    pub(crate) half_width: f64,
}

impl Mean {
    /// Of 2 to 15 values; of more the interval is a little too wide.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen values")]
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let [.., last] = STUDENT;
        let student = STUDENT.get(values.len().saturating_sub(2)).copied().unwrap_or(last);
        Self { mean, half_width: student * (variance / n).sqrt() }
    }
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ± {:.3} (95 %)", self.mean, self.half_width)
    }
}
