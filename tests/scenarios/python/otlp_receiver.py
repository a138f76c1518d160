"""An OTLP receiver for metrics, traces and logs that the project did not write: the generated definitions of the Python package
opentelemetry-proto behind grpcio or http.server. What it receives goes to standard output, one JSON object a line; the
first line says where it listens. Each line on standard input says how requests are answered from then on:

    {"answer": "ok"}
    {"answer": "partial", "rejected": 3, "message": "too old"}
    {"answer": "refuse", "message": "who are you?"}
    {"answer": "malformed", "times": 1}
    {"answer": "busy", "retry_after": 1, "times": 2}     then ok again
    {"answer": "hang"}

    otlp_receiver.py grpc|http [--port N] [--certificate FILE --key FILE [--client-authority FILE]]
"""

import argparse
import gzip
import http.server
import json
import os
import ssl
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as service_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

lock = threading.Lock()
behaviour = {"answer": "ok"}


def tell(line):
    with lock:
        print(json.dumps(line), flush=True)


def behave():
    """How to answer the next request."""
    with lock:
        now = dict(behaviour)
        if "times" in behaviour:
            behaviour["times"] -= 1
            if behaviour["times"] <= 0:
                behaviour.clear()
                behaviour["answer"] = "ok"
        return now


def listen_for_orders():
    for line in sys.stdin:
        with lock:
            behaviour.clear()
            behaviour.update(json.loads(line))
        tell({"order": json.loads(line)})


def attributes(pairs):
    keys = [pair.key for pair in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    assert all(pair.value.WhichOneof("value") == "string_value" for pair in pairs)
    return {pair.key: pair.value.string_value for pair in pairs}


def point(kind, data):
    common = {
        "attributes": attributes(data.attributes),
        "start": data.start_time_unix_nano,
        "time": data.time_unix_nano,
    }
    if kind == "histogram":
        return common | {
            "count": data.count,
            "sum": repr(data.sum),
            "buckets": list(data.bucket_counts),
            "bounds": [repr(bound) for bound in data.explicit_bounds],
            "exemplars": [{"trace": each.trace_id.hex(), "id": each.span_id.hex(), "value": repr(each.as_double)}
                          for each in data.exemplars],
        }
    assert data.WhichOneof("value") == "as_double"
    # As text, which readers of JSON do not round.
    return common | {"value": repr(data.as_double)}


def flat(request):
    """The request as its metrics, with what is the same for all of them."""
    [resource] = request.resource_metrics or [None]
    if resource is None:
        return {"empty": True}
    [scope] = resource.scope_metrics
    metrics = []
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        metrics.append({
            "name": metric.name,
            "unit": metric.unit,
            "description": metric.description,
            "kind": kind,
            "monotonic": getattr(data, "is_monotonic", None),
            "temporality": getattr(data, "aggregation_temporality", None),
            "points": [point(kind, each) for each in data.data_points],
        })
    return {
        "resource": attributes(resource.resource.attributes),
        "scope": {"name": scope.scope.name, "version": scope.scope.version},
        "metrics": metrics,
    }


def values(pairs):
    """Attributes of any type."""
    keys = [pair.key for pair in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def span(of):
    return {
        "trace": of.trace_id.hex(),
        "id": of.span_id.hex(),
        "parent": of.parent_span_id.hex(),
        "name": of.name,
        "kind": of.kind,
        "start": of.start_time_unix_nano,
        "end": of.end_time_unix_nano,
        "flags": of.flags,
        "attributes": values(of.attributes),
        "events": [{"name": each.name, "time": each.time_unix_nano, "attributes": values(each.attributes)}
                   for each in of.events],
        "links": [{"trace": each.trace_id.hex(), "id": each.span_id.hex(), "attributes": values(each.attributes)}
                  for each in of.links],
        "status": of.status.code,
        "message": of.status.message,
    }


def spans(request):
    """The request as its spans."""
    [resource] = request.resource_spans
    [scope] = resource.scope_spans
    return {
        "resource": attributes(resource.resource.attributes),
        "scope": {"name": scope.scope.name, "version": scope.scope.version},
        "spans": [span(each) for each in scope.spans],
    }


def records(request):
    """The request as its log records."""
    if not request.resource_logs:
        return {"records": []}
    [resource] = request.resource_logs
    return {
        "resource": attributes(resource.resource.attributes),
        "records": [{
            "scope": scope.scope.name,
            "event": each.event_name,
            "time": each.time_unix_nano,
            "observed": each.observed_time_unix_nano,
            "severity": each.severity_number,
            "level": each.severity_text,
            "body": each.body.string_value,
            "attributes": values(each.attributes),
            "trace": each.trace_id.hex(),
            "id": each.span_id.hex(),
            "flags": each.flags,
        } for scope in resource.scope_logs for each in scope.log_records],
    }


# By signal: how requests are shown, what answers them, and what of it counts the rejected.
METRICS = (flat, service.ExportMetricsServiceResponse, "rejected_data_points")
TRACES = (spans, traces.ExportTraceServiceResponse, "rejected_spans")
LOGS = (records, logs.ExportLogsServiceResponse, "rejected_log_records")


def partial(how, signal):
    _, kind, rejected = signal
    answer = kind()
    if how["answer"] == "partial":
        setattr(answer.partial_success, rejected, how["rejected"])
        answer.partial_success.error_message = how["message"]
    return answer


class Service(service_grpc.MetricsServiceServicer, traces_grpc.TraceServiceServicer, logs_grpc.LogsServiceServicer):
    def Export(self, request, context):
        signal = {
            traces.ExportTraceServiceRequest: TRACES,
            logs.ExportLogsServiceRequest: LOGS,
            service.ExportMetricsServiceRequest: METRICS,
        }[type(request)]
        headers = dict(context.invocation_metadata())
        how = behave()
        told = signal[0](request)
        tell({"answer": how["answer"], "headers": {k: str(v) for k, v in headers.items()}, **told})
        if how["answer"] == "refuse":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, how["message"])
        if how["answer"] == "malformed":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "malformed")
        if how["answer"] == "busy":
            # google.rpc.Status with google.rpc.RetryInfo, written by hand: field 1 of RetryInfo is a Duration, whose
            # field 1 is its seconds; field 3 of Status holds the details.
            info = any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo",
                               value=b"\x0a\x02\x08" + bytes([how["retry_after"]]))
            details = info.SerializeToString()
            status = b"\x08\x0e" + b"\x1a" + bytes([len(details)]) + details
            context.set_trailing_metadata((("grpc-status-details-bin", status),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        if how["answer"] == "hang":
            threading.Event().wait()
        return partial(how, signal)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        size = len(body)
        compressed = self.headers.get("Content-Encoding")
        if compressed == "gzip":
            body = gzip.decompress(body)
        assert self.headers["Content-Type"] == "application/x-protobuf", self.headers
        signal, kind = {
            "/v1/traces": (TRACES, traces.ExportTraceServiceRequest),
            "/v1/logs": (LOGS, logs.ExportLogsServiceRequest),
        }.get(self.path, (METRICS, service.ExportMetricsServiceRequest))
        told = signal[0](kind.FromString(body))
        how = behave()
        tell({"answer": how["answer"], "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
              "compressed": compressed, "size": size, **told})
        if how["answer"] == "refuse":
            self.answer(401, "text/plain", how["message"].encode())
        elif how["answer"] == "malformed":
            self.answer(400, "text/plain", b"malformed")
        elif how["answer"] == "busy":
            self.answer(503, "text/plain", b"busy", {"Retry-After": str(how["retry_after"])})
        elif how["answer"] == "hang":
            threading.Event().wait()
        else:
            self.answer(200, "application/x-protobuf", partial(how, signal).SerializeToString())

    def answer(self, status, kind, body, more={}):
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | more).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        # A client that breaks off is none of the receiver's faults; anything else ends the test.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["grpc", "http"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--client-authority")
    args = parser.parse_args()

    if args.transport == "grpc":
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        service_grpc.add_MetricsServiceServicer_to_server(Service(), server)
        traces_grpc.add_TraceServiceServicer_to_server(Service(), server)
        logs_grpc.add_LogsServiceServicer_to_server(Service(), server)
        address = f"127.0.0.1:{args.port}"
        if args.certificate:
            authority = read(args.client_authority) if args.client_authority else None
            credentials = grpc.ssl_server_credentials(
                [(read(args.key), read(args.certificate))], authority, require_client_auth=authority is not None)
            port = server.add_secure_port(address, credentials)
        else:
            port = server.add_insecure_port(address)
        server.start()
    else:
        server = Server(("127.0.0.1", args.port), Handler)
        if args.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.certificate, args.key)
            if args.client_authority:
                context.load_verify_locations(args.client_authority)
                context.verify_mode = ssl.CERT_REQUIRED
            # Not in accept(): one client that fails must not end the server.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
    tell({"listening": port})
    # Ends with the test, however that ends: a request that hangs would hold up an ordinary exit.
    listen_for_orders()
    os._exit(0)


main()
