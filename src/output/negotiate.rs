//! Content negotiation: which format and which encoding a client wants, by its own weights.
//!
//! A client that accepts nothing we have gets text 0.0.4 rather than an error: every known client reads it, and a
//! scrape that fails for a header is a blind spot.

/// Text format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// Prometheus text format 0.0.4: what a person and any old client gets.
    Prometheus,
    /// OpenMetrics 1.0.0: what a Prometheus server asks for first.
    OpenMetrics,
}

impl Format {
    /// Value of the `Content-Type` header. Prometheus 3 refuses a scrape without a type it knows.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The format for an `Accept` header. Without one, or when nothing is preferred: text 0.0.4.
///
/// OpenMetrics without a version or as its draft 0.0.1 gets 1.0.0: the grammar is the same, and those who
/// ask for 0.0.1 alone ask for a syntax they can read. `escaping` is ignored: our names need none.
pub(crate) fn negotiate(accept: Option<&str>) -> Format {
    let (mut text, mut open) = (Weight::default(), Weight::default());
    for range in items(accept.unwrap_or_default()) {
        let version = range.parameter("version");
        match range.value.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0" | "0.0.1")) => {
                open.offer(2, &range)
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => text.offer(2, &range),
            "application/*" => open.offer(1, &range),
            "text/*" => text.offer(1, &range),
            "*/*" => {
                open.offer(0, &range);
                text.offer(0, &range);
            }
            _ => {}
        }
    }
    // At equal weight the format named more exactly wins, then text.
    if open.q > 0 && (open.q, open.exactness) > (text.q, text.exactness) {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

/// Whether an `Accept-Encoding` header prefers gzip to no encoding.
pub(crate) fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let (mut gzip, mut identity) = (Weight::default(), Weight::default());
    for coding in items(accept_encoding.unwrap_or_default()) {
        match coding.value.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip.offer(2, &coding),
            "identity" => identity.offer(2, &coding),
            "*" => gzip.offer(0, &coding),
            _ => {}
        }
    }
    gzip.q > 0 && gzip.q >= identity.q
}

/// What a header says of one thing we have: the most exact range decides, as RFC 9110 has it.
#[derive(Default)]
struct Weight {
    exactness: u8,
    /// In thousandths; 0: not acceptable.
    q: u16,
}

impl Weight {
    fn offer(&mut self, exactness: u8, item: &Item<'_>) {
        // Of several equally exact ranges (two versions, say) the best counts.
        if exactness > self.exactness || (exactness == self.exactness && item.q > self.q) {
            *self = Self { exactness, q: item.q };
        }
    }
}

/// One element of a weighted list.
struct Item<'a> {
    value: &'a str,
    q: u16,
    parameters: &'a str,
}

impl<'a> Item<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        parameters(self.parameters).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The elements of a header's list; one whose weight cannot be read is left out.
fn items(header: &str) -> impl Iterator<Item = Item<'_>> {
    split(header, ',').filter_map(|element| {
        let (value, rest) = element.split_once(';').unwrap_or((element, ""));
        let mut item = Item { value: value.trim(), q: 1000, parameters: rest };
        if let Some(q) = item.parameter("q") {
            item.q = thousandths(q)?;
        }
        Some(item)
    })
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    split(text, ';').filter_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        Some((key.trim(), value.trim().trim_matches('"')))
    })
}

/// Splits at a separator outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// A weight from 0 to 1.
fn thousandths(q: &str) -> Option<u16> {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As sent by Prometheus 3 and 2.
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn formats() {
        use Format::{OpenMetrics, Prometheus};
        for (accept, format) in [
            (PROMETHEUS_3, OpenMetrics),
            (PROMETHEUS_2, OpenMetrics),
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text ; Version=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Prometheus),
            ("application/openmetrics-text;version=2.0.0, */*;q=0.1", Prometheus),
            ("application/openmetrics-text;q=0.3,text/plain;q=0.7", Prometheus),
            ("application/openmetrics-text;q=0.7,text/plain;q=0.3", OpenMetrics),
            ("text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.300", Prometheus),
            ("application/openmetrics-text, */*", OpenMetrics),
            ("application/openmetrics-text;q=0", Prometheus),
            ("application/openmetrics-text;q=0, */*", Prometheus),
            ("text/plain;q=0, */*;q=0.5", OpenMetrics),
            ("application/openmetrics-text;q=2", Prometheus),
            ("application/openmetrics-text;q=0.12345", Prometheus),
            ("application/*", OpenMetrics),
            ("text/*;q=0.5, application/*;q=0.4", Prometheus),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=0.9,text/plain;q=0.1",
                Prometheus,
            ),
            ("a/b;c=\"x,application/openmetrics-text\"", Prometheus),
            (";;,,=;q=,\"", Prometheus),
        ] {
            assert_eq!(negotiate(Some(accept)), format, "{accept}");
        }
        assert_eq!(negotiate(None), Prometheus);
    }

    #[test]
    fn encodings() {
        for (accept_encoding, gzip) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("GZIP;q=1.0", true),
            ("x-gzip", true),
            ("*", true),
            ("", false),
            ("identity", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("gzip;q=0.5, identity", false),
            ("gzip, identity", true),
            ("gzip;q=nonsense", false),
        ] {
            assert_eq!(accepts_gzip(Some(accept_encoding)), gzip, "{accept_encoding}");
        }
        assert!(!accepts_gzip(None));
    }

    proptest::proptest! {
        #[test]
        fn any_header_gets_an_answer(header in ".{0,200}") {
            negotiate(Some(&header));
            accepts_gzip(Some(&header));
        }
    }
}
