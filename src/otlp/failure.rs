//! Errors of OTLP requests: whether a retry may help, and their messages.

use std::error::Error;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::labels::ExportOutcome;
use crate::text::one_line;

/// The most that is repeated of what a collector or a library says.
const LONGEST: usize = 300;

/// Longest time for which a collector can ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct SendError {
    pub(crate) outcome: ExportOutcome,
    /// In words, without secrets.
    pub(crate) message: String,
    /// Whether the same request may be taken later.
    pub(super) again: bool,
    /// Whether it is what was sent that no try will get taken, not who sent it or where to.
    pub(crate) malformed: bool,
    /// For how long the collector asked to be left alone.
    pub(crate) wait: Option<Duration>,
}

impl SendError {
    pub(super) fn timeout(limit: &str) -> Self {
        let message = format!("no answer within {limit}");
        Self { outcome: ExportOutcome::Timeout, message, again: false, malformed: false, wait: None }
    }

    pub(super) fn refused(message: String) -> Self {
        Self { outcome: ExportOutcome::Refused, message, again: false, malformed: false, wait: None }
    }

    /// No connection, or one that broke.
    pub(super) fn network(error: &(dyn Error + 'static)) -> Self {
        let message = chain(error);
        let advice = if message.contains("certificate") {
            ". Check --otlp.certificate and the name in the address"
        } else if OTHER_PROTOCOL.iter().any(|words| message.contains(words)) {
            ". Check --otlp.protocol, and http or https in the address"
        } else if BROKEN.iter().any(|words| message.contains(words)) {
            ". If this goes on, check --otlp.protocol, and http or https in the address"
        } else {
            ""
        };
        Self {
            outcome: ExportOutcome::Unavailable,
            message: message + advice,
            again: true,
            malformed: false,
            wait: None,
        }
    }

    /// The answer of a gRPC server, or what kept one from coming.
    pub(super) fn grpc(status: &Status) -> Self {
        if let Some(source) = status.source() {
            // Said by the library, not by a server.
            return Self::network(source);
        }
        let wait = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let again = match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => true,
            Code::ResourceExhausted => wait.is_some(),
            _ => false,
        };
        let advice = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => CREDENTIALS,
            Code::Unimplemented | Code::NotFound => PLACE,
            _ => "",
        };
        let message = format!("{:?}{}{advice}", status.code(), said(status.message()));
        let malformed = matches!(status.code(), Code::InvalidArgument | Code::ResourceExhausted) && !again;
        Self::answered(again, malformed, message, wait)
    }

    /// The answer of an HTTP server that is none of success.
    pub(super) fn http(status: StatusCode, retry_after: Option<&str>, words: &str, now: SystemTime) -> Self {
        let again = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CREDENTIALS,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => PLACE,
            _ => "",
        };
        let wait = retry_after.and_then(|text| delay(text, now)).filter(|_| again);
        let malformed = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
        );
        Self::answered(again, malformed, format!("HTTP {status}{}{advice}", said(words)), wait)
    }

    fn answered(again: bool, malformed: bool, message: String, wait: Option<Duration>) -> Self {
        let outcome = if again { ExportOutcome::Unavailable } else { ExportOutcome::Refused };
        Self { outcome, message, again, malformed, wait: wait.map(|wait| wait.min(LONGEST_WAIT)) }
    }

    /// Takes out what must not get out, should somebody have repeated it.
    pub(super) fn without(mut self, secrets: &[String]) -> Self {
        self.message = without(self.message, secrets);
        self
    }
}

/// What libraries say when the other side speaks something else: HTTP/1 to gRPC, HTTP/2 to HTTP, plain to TLS.
const OTHER_PROTOCOL: [&str; 4] =
    ["frame with invalid size", "received unexpected message", "invalid HTTP version", "corrupt message"];
/// What they say when it ends the connection, be it for what it was sent or because it stops.
const BROKEN: [&str; 4] = ["broken pipe", "connection closed", "connection reset", "Connection reset"];
const CREDENTIALS: &str = ". The collector does not accept who we are: check --otlp.headers";
const PLACE: &str = ". There is no OTLP receiver for this signal: check address and --otlp.protocol";

/// Text from elsewhere: on one line, not endless, without secrets.
pub(super) fn without(mut text: String, secrets: &[String]) -> String {
    for secret in secrets {
        text = text.replace(secret.as_str(), "…");
    }
    let mut text = one_line(&text);
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

pub(super) fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// An error and its causes, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// The value of `Retry-After`.
fn delay(text: &str, now: SystemTime) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text.trim()).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    #[test]
    fn which_answers_of_grpc_are_worth_another_try() {
        let codes = (0..=16).map(Code::from_i32).filter(|code| {
            let error = SendError::grpc(&Status::new(*code, "no"));
            assert_eq!(error.again, error.outcome == ExportOutcome::Unavailable);
            error.again
        });
        let expected = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        assert_eq!(codes.collect::<Vec<_>>(), expected);
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let error = SendError::grpc(&Status::with_error_details(Code::ResourceExhausted, "no", details));
        assert_eq!((error.again, error.wait), (true, Some(Duration::from_secs(7))));
    }

    #[test]
    fn which_answers_of_http_are_worth_another_try() {
        let again = (300..600).filter(|status| {
            let status = StatusCode::from_u16(*status).unwrap();
            SendError::http(status, Some("7"), "", UNIX_EPOCH).again
        });
        assert_eq!(again.collect::<Vec<_>>(), [429, 502, 503, 504]);
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 09 Sep 2001 01:46:50 GMT", Some(10)),
            ("Sat, 09 Sep 2000 01:46:50 GMT", Some(0)),
            ("999999999", Some(600)),
            ("soon", None),
            ("-1", None),
        ] {
            let error = SendError::http(StatusCode::SERVICE_UNAVAILABLE, Some(text), "", now);
            assert_eq!(error.wait, expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(SendError::http(StatusCode::UNAUTHORIZED, Some("7"), "", now).wait, None);
    }

    #[test]
    fn what_is_said_is_one_short_line_without_secrets() {
        let words = format!("bad token hunter2\nERROR forged {}", "x".repeat(1000));
        let error = SendError::http(StatusCode::UNAUTHORIZED, None, &words, UNIX_EPOCH);
        let error = error.without(&["hunter2".to_owned()]);
        assert!(error.message.starts_with("HTTP 401 Unauthorized: bad token … ERROR forged xxx"), "{error}");
        assert!(error.message.chars().count() <= LONGEST + 1);
        let error = SendError::grpc(&Status::unauthenticated("")).message;
        assert_eq!(error, format!("Unauthenticated{CREDENTIALS}"));
    }
}
