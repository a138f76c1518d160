//! Medians, and the interval of a mean ratio.

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

/// Mean and half width of its 95 % interval, with the normal quantile widened for about 15 values (Student's t).
#[expect(clippy::cast_precision_loss, reason = "a few dozen values")]
pub(crate) fn mean_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, 2.145 * (variance / n).sqrt())
}
