//! What a collector answers. The outcome of a request is in the head, or behind the body as a gRPC status; of the body, as
//! much is kept as an answer may need, and nothing that is wrong with it changes the outcome.

use std::io::Read as _;
use std::pin::pin;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::header::{AsHeaderName, CONTENT_TYPE, LOCATION};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame};
use prost::decode_length_delimiter as varint;
use tokio::time::{Instant, timeout_at};

use super::export::ExportResponse;
use super::failure::SendError;
use crate::config::format_duration;

/// The most that is kept of a body, and the longest head: an answer to an export is some hundred bytes.
pub(super) const LARGEST: usize = 4 << 20;

/// What is read of a body in all, to reach the trailers behind it.
const END: usize = 4 * LARGEST;

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) until: Instant,
    pub(super) limit: Duration,
}

impl Patience {
    pub(super) fn of(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, limit }
    }

    pub(super) fn over(&self) -> SendError {
        SendError::timeout(&format_duration(self.limit))
    }
}

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct Answer {
    head: Parts,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    trailers: HeaderMap,
    /// Why there is not more of it.
    pub(super) broken: Option<SendError>,
}

impl Answer {
    /// Waits for the head, then for the rest.
    ///
    /// # Errors
    /// When there is no head in time.
    pub(super) async fn read<B>(
        answer: impl Future<Output = Result<Response<B>, SendError>>,
        patience: Patience,
    ) -> Result<Self, SendError>
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + 'static,
    {
        let answer = timeout_at(patience.until, answer).await.unwrap_or_else(|_| Err(patience.over()))?;
        let (head, body) = answer.into_parts();
        let mut answer = Self { head, body: Vec::new(), trailers: HeaderMap::new(), broken: None };
        if timeout_at(patience.until, answer.rest(body)).await.is_err() {
            answer.broken = Some(patience.over());
        }
        Ok(answer)
    }

    async fn rest<B>(&mut self, body: B)
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + 'static,
    {
        let mut body = pin!(body);
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => {
                    let room = LARGEST.saturating_sub(self.body.len());
                    self.body.extend_from_slice(data.get(..room).unwrap_or(&data));
                    read += data.len();
                    if read > END {
                        return;
                    }
                }
                Ok(Err(other)) => self.trailers.extend(other.into_trailers().unwrap_or_default()),
                Err(error) => {
                    self.broken = Some(SendError::network(&error));
                    return;
                }
            }
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.head.status
    }

    /// A header, or a trailer, which speaks last.
    pub(super) fn header(&self, name: impl AsHeaderName + Clone) -> Option<&str> {
        let value = self.trailers.get(name.clone()).or_else(|| self.head.headers.get(name));
        value.and_then(|value| value.to_str().ok())
    }

    /// Whether the body is of this type, as the head says.
    pub(super) fn is(&self, kind: &str) -> bool {
        let start = self.header(CONTENT_TYPE).and_then(|of| of.get(..kind.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(kind))
    }

    /// Where a redirect leads, without what may be secret. Empty if it is none.
    pub(super) fn redirect(&self) -> String {
        if !self.head.status.is_redirection() {
            return String::new();
        }
        let target = self.header(LOCATION).and_then(|target| target.parse::<Uri>().ok());
        let to = target.map_or_else(String::new, |target| {
            let scheme = target.scheme_str().map(|scheme| format!("{scheme}://")).unwrap_or_default();
            let port = target.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
            format!(" to {scheme}{}{port}{}", target.host().unwrap_or_default(), target.path())
        });
        format!("a redirect{to}. Redirects are not followed: give the address that is meant")
    }
}

/// A compressed body, as far as an answer may need it.
pub(super) fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    // What came before an error counts.
    let _ = MultiGzDecoder::new(body).take(LARGEST as u64).read_to_end(&mut all);
    all
}

/// What an answer of any signal says: `partial_success` is its first field, with the number of items that were rejected and
/// a message. It may be cut.
pub(super) fn accepted(body: &[u8]) -> ExportResponse {
    let mut accepted = ExportResponse::default();
    for (number, field) in fields(body)
        .filter_map(|field| match field {
            (1, Field::Bytes(partial)) => Some(fields(partial)),
            _ => None,
        })
        .flatten()
    {
        match (number, field) {
            (1, Field::Number(rejected)) => {
                accepted.rejected = i64::try_from(rejected).map_or(0, i64::unsigned_abs);
            }
            (2, Field::Bytes(message)) => accepted.message = String::from_utf8_lossy(message).into_owned(),
            _ => {}
        }
    }
    accepted
}

/// The message of a `google.rpc.Status`, which may be cut.
pub(super) fn status_message(body: &[u8]) -> String {
    let message = fields(body).find_map(|field| match field {
        (2, Field::Bytes(message)) => Some(String::from_utf8_lossy(message).into_owned()),
        _ => None,
    });
    message.unwrap_or_default()
}

enum Field<'a> {
    Number(usize),
    Bytes(&'a [u8]),
}

/// The fields of a protobuf message up to where it ends or makes no sense. The decoders of `prost` take whole messages only.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (usize, Field<'_>)> {
    std::iter::from_fn(move || {
        let key = varint(&mut rest).ok()?;
        let length = match key & 7 {
            0 => return Some((key >> 3, Field::Number(varint(&mut rest).ok()?))),
            1 => 8,
            2 => varint(&mut rest).ok()?,
            5 => 4,
            _ => return None,
        };
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        Some((key >> 3, Field::Bytes(bytes)))
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn an_answer_is_read_as_far_as_it_goes() {
        let partial = |rejected_spans, error_message: &str| {
            let partial =
                ExportTracePartialSuccess { rejected_spans, error_message: error_message.to_owned() };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        let accept = |rejected, message: &str| ExportResponse { rejected, message: message.to_owned() };
        assert_eq!(accepted(&partial(3, "too old")), accept(3, "too old"));
        assert_eq!(accepted(&partial(-1, "odd")), accept(0, "odd"));
        assert_eq!(
            accepted(b""),
            ExportResponse::default(),
            "an empty answer is one without a partial success"
        );
        for nonsense in [&b"<html>welcome</html>"[..], b"{}", &[0; 100], &[255; 100], &[10, 255, 1]] {
            assert_eq!(accepted(nonsense), ExportResponse::default(), "{nonsense:?}");
        }
        let whole = partial(3, "too old");
        for end in 4..whole.len() {
            assert_eq!(accepted(&whole[..end]).rejected, 3, "cut after {end}");
        }
        // The number behind the message.
        let mut reversed = vec![10, 6, 18, 2, b'n', b'o', 8, 7];
        assert_eq!(accepted(&reversed), accept(7, "no"));
        reversed.truncate(6);
        assert_eq!(accepted(&reversed), accept(0, "no"));
    }
}
