//! OTLP over gRPC. Bodies pass as bytes, so that a request is encoded once, however often it is sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::uri::PathAndQuery;
use hyper::body::Bytes;
use tonic::client::Grpc as Caller;
use tonic::codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint as Remote};
use tonic::{Request, Status};

use super::failure::SendError;
use super::tls::Pem;
use crate::config::Endpoint;

/// Calls the services of one collector.
pub(super) struct Grpc {
    remote: Remote,
    /// One connection, made again when it breaks.
    channel: Mutex<Channel>,
    gzip: bool,
    metadata: MetadataMap,
}

impl Grpc {
    /// Does not connect: that is done when it is needed.
    ///
    /// # Errors
    /// What is wrong with address or certificates.
    pub(super) fn new(
        endpoint: &Endpoint,
        headers: HeaderMap,
        gzip: bool,
        pem: &Pem,
        connect: Duration,
    ) -> Result<Self, String> {
        let uri = endpoint.uri();
        // Without the path: the service's own follows.
        let root = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
        );
        let wrong = |error| format!("otlp: {}", SendError::network(&error));
        let mut remote = Remote::from_shared(root)
            .and_then(|remote| remote.user_agent(super::client::USER_AGENT))
            .map_err(wrong)?
            .connect_timeout(connect);
        if endpoint.is_https() {
            remote = remote.tls_config(pem.tonic()).map_err(wrong)?;
        }
        let channel = Mutex::new(remote.connect_lazy());
        Ok(Self { remote, channel, gzip, metadata: MetadataMap::from_headers(headers) })
    }

    /// From now on a new connection.
    pub(super) fn renew(&self) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = self.remote.connect_lazy();
    }

    /// One try.
    pub(super) async fn call(&self, method: PathAndQuery, body: Bytes) -> Result<Bytes, SendError> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut caller = Caller::new(channel);
        if self.gzip {
            // Servers in Go answer in the encoding of the request, whatever is said to be accepted.
            caller = caller
                .send_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Gzip);
        }
        caller.ready().await.map_err(|error| SendError::network(&error))?;
        let mut request = Request::new(body);
        *request.metadata_mut() = self.metadata.clone();
        let answer = caller.unary(request, method, Raw).await;
        answer.map(tonic::Response::into_inner).map_err(|status| SendError::grpc(&status))
    }
}

/// Messages as their bytes.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put(buffer, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        use prost::bytes::Buf as _;
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
