//! A collector that keeps what it is sent: OTLP over gRPC, as far as one method needs it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpListener;

/// The messages of gRPC begin with a byte for compression and four for the length.
const PREFIX: usize = 5;

#[derive(Clone, Default)]
pub(crate) struct Collector {
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// Listens on a port of its own.
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self::default();
        tokio::spawn(collector.clone().serve(listener));
        (collector, address)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let collector = self.clone();
            let service = service_fn(move |request| collector.clone().export(request));
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn export(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible> + use<>>, Infallible> {
        assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body[0], 0, "nobody asked for compression");
        self.requests.lock().unwrap().push(body[PREFIX..].to_vec());

        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        // An empty message is one of length zero.
        let empty = Full::new(Bytes::from_static(&[0; PREFIX]));
        let body = empty.with_trailers(std::future::ready(Some(Ok(trailers))));
        Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
    }

    /// The bytes of all requests.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let decode = |bytes: Vec<u8>| ExportTraceServiceRequest::decode(&*bytes).unwrap();
        self.bytes().into_iter().map(decode).collect()
    }
}
