//! How numbers are spelled. Both formats take the same spelling, so that a series keeps its name and value
//! whichever format a scrape happens to use.

use std::fmt::{self, Display, Formatter};

/// A sample value. Whole numbers have no fraction and no exponent (`3`), very large and very small ones an
/// exponent instead of hundreds of digits.
pub(super) struct Number(pub(super) f64);

/// Bound of a histogram bucket: a label value, so its spelling is part of the series' identity. OpenMetrics
/// prescribes `1.0` and `1e+06`; text 0.0.4 is free to differ, but then changing the format would change the series
/// in every Prometheus that does not normalise bounds.
pub(super) struct Bound(pub(super) f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if !value.is_finite() {
            return f.write_str(not_finite(value));
        }
        // 2^53 and more is above 9e15: all counts that are exact are written out.
        let plain = value == 0.0 || (1e-6..1e17).contains(&value.abs());
        if plain { write!(f, "{value}") } else { write!(f, "{value:e}") }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bound = self.0;
        if !bound.is_finite() {
            return f.write_str(not_finite(bound));
        }
        if bound == 0.0 || (1e-4..1e6).contains(&bound.abs()) {
            return write!(f, "{bound:?}"); // `1.0`, `0.0025`
        }
        // Rust writes `1e6`, the canonical form (Go's and C's) is `1e+06`.
        let short = format!("{bound:e}");
        match short.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) =
                    exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                write!(f, "{mantissa}e{sign}{digits:0>2}")
            }
            None => f.write_str(&short),
        }
    }
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_so_that_every_parser_reads_them() {
        for (value, spelled) in [
            (0.0, "0"),
            (3.0, "3"),
            (-3.0, "-3"),
            (0.25, "0.25"),
            (1_795_415_512.125, "1795415512.125"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e300, "1e300"),
            (-1.5e-9, "-1.5e-9"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Number(value).to_string(), spelled);
        }
    }

    #[test]
    fn bounds_are_canonical() {
        for (bound, spelled) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.0025, "0.0025"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (2_592_000.0, "2.592e+06"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(Bound(bound).to_string(), spelled);
        }
    }
}
