"""An OTLP receiver (gRPC) that offers what it received to Prometheus, as a program of its own: it needs grpcio and
opentelemetry-proto. Names and labels are made by the rules of the OpenTelemetry specification ("Prometheus and
OpenMetrics Compatibility"): units become suffixes, counters end in _total, service.name is `job`, service.instance.id is
`instance`, all other attributes of a resource are those of target_info.

    collector.py OTLP_PORT HTTP_PORT

GET /metrics is for Prometheus; POST /partial lets the exporter's next push be taken in part, POST /hang?seconds=N lets its
pushes time out. Those of applications are always taken.
"""

import http.server
import re
import sys
import threading
import time
import urllib.parse
from concurrent import futures

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_service
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.metrics.v1 import metrics_pb2

# A resource that pushes nothing any more is forgotten, as collectors do (after five minutes).
EXPIRY = 15
UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio"}
CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE

lock = threading.Lock()
resources = {}  # labels of a resource -> (when, metrics)
behaviour = {"partial": 0, "hang_until": 0.0}


def name_of(metric, kind, monotonic):
    name = re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9:]", "_", metric.name))
    unit = "" if metric.unit.startswith("{") else UNITS.get(metric.unit, metric.unit)
    if unit == "ratio" and kind != "gauge":
        unit = ""
    if unit and not name.endswith("_" + unit):
        name += "_" + unit
    return name + "_total" if monotonic and not name.endswith("_total") else name


def value_of(value):
    kind = value.WhichOneof("value")
    got = getattr(value, kind)
    return str(got).lower() if kind == "bool_value" else str(got)


def labels_of(pairs):
    return {re.sub(r"[^a-zA-Z0-9_]", "_", pair.key): value_of(pair.value) for pair in pairs}


def written(labels):
    def escaped(value):
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return "{" + ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items()) + "}" if labels else ""


def number(point):
    return point.as_int if point.WhichOneof("value") == "as_int" else point.as_double


def lines_of(metric, common):
    """The series of a metric."""
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    if kind != "gauge" and data.aggregation_temporality != CUMULATIVE:
        raise ValueError(f"{metric.name} is not cumulative")
    name = name_of(metric, kind, getattr(data, "is_monotonic", False))
    for point in data.data_points:
        labels = common | labels_of(point.attributes)
        if kind != "histogram":
            yield f"{name}{written(labels)} {number(point)!r}"
            continue
        total = 0
        for bound, count in zip(list(point.explicit_bounds) + ["+Inf"], point.bucket_counts):
            total += count
            yield f"{name}_bucket{written(labels | {'le': str(bound)})} {total}"
        yield f"{name}_sum{written(labels)} {point.sum!r}"
        yield f"{name}_count{written(labels)} {point.count}"


def page():
    lines = []
    with lock:
        now = time.monotonic()
        for gone in [key for key, (at, _, _) in resources.items() if now - at > EXPIRY]:
            del resources[gone]
        for _, info, metrics in resources.values():
            common = {"job": info.get("service_name", ""), "instance": info.get("service_instance_id", "")}
            rest = {key: value for key, value in info.items() if key not in ("service_name", "service_instance_id")}
            lines.append(f"target_info{written(common | rest)} 1")
            for metric in metrics:
                lines += lines_of(metric, common)
    return "\n".join(lines) + "\n"


def taken(service):
    """How a push is answered: how many items are left out, or a wait that is too long."""
    if service != "duroxide-exporter":
        return 0
    time.sleep(max(0.0, behaviour["hang_until"] - time.time()))
    with lock:
        left_out, behaviour["partial"] = behaviour["partial"], 0
    return left_out


class Metrics(metrics_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        left_out = 0
        for each in request.resource_metrics:
            info = labels_of(each.resource.attributes)
            left_out += taken(info.get("service_name"))
            metrics = [metric for scope in each.scope_metrics for metric in scope.metrics]
            with lock:
                resources[tuple(sorted(info.items()))] = (time.monotonic(), info, metrics)
        response = metrics_service.ExportMetricsServiceResponse()
        if left_out:
            response.partial_success.rejected_data_points = left_out
            response.partial_success.error_message = "the drill leaves some out"
        return response


class Traces(trace_grpc.TraceServiceServicer):
    def Export(self, request, context):
        return trace_service.ExportTraceServiceResponse()


class Logs(logs_grpc.LogsServiceServicer):
    def Export(self, request, context):
        return logs_service.ExportLogsServiceResponse()


class Page(http.server.BaseHTTPRequestHandler):
    def answer(self, code, text):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, page())

    def do_POST(self):
        target = urllib.parse.urlsplit(self.path)
        with lock:
            if target.path == "/partial":
                behaviour["partial"] = 3
            elif target.path == "/hang":
                behaviour["hang_until"] = time.time() + float(urllib.parse.parse_qs(target.query)["seconds"][0])
        self.answer(200, "")

    def log_message(self, *_):
        pass


def main():
    otlp_port, http_port = map(int, sys.argv[1:])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    trace_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)
    if not server.add_insecure_port(f"127.0.0.1:{otlp_port}"):
        sys.exit(f"port {otlp_port} is taken")
    server.start()
    http.server.ThreadingHTTPServer(("127.0.0.1", http_port), Page).serve_forever()


if __name__ == "__main__":
    main()
