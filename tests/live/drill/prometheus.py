"""A real Prometheus, and its HTTP API."""

import http.client
import json
import math
import threading
import time
import urllib.parse

from .processes import DrillError, wait_for

SCRAPE = 1


class Api:
    def __init__(self, address):
        self.address, self.local = address, threading.local()

    def send(self, method, path, body):
        """Over a connection that stays open: hundreds of queries are asked."""
        for attempt in range(2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection(self.address, timeout=30)
            try:
                connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.local.connection = None
                # The server may have closed it meanwhile.
                if attempt:
                    raise DrillError(f"Prometheus on {self.address} does not answer: {error}") from None
        raise AssertionError

    def call(self, path, **parameters):
        """The answer's data; what Prometheus complains of is the error."""
        encoded = urllib.parse.urlencode(parameters, doseq=True)
        post = path.startswith("query")
        status, text = self.send("POST" if post else "GET", f"/api/v1/{path}" + ("" if post else "?" + encoded),
                                 encoded.encode() if post else None)
        try:
            answer = json.loads(text)
        except ValueError:
            raise DrillError(f"Prometheus answers {status}: {text[:200]!r}") from None
        if status != 200 or answer.get("status") != "success":
            raise DrillError(answer.get("error", f"Prometheus answers {status}"))
        return answer["data"]

    def instant(self, expression, at=None):
        """Series as (labels, value); a scalar is a series without labels."""
        data = self.call("query", query=expression, time=at if at is not None else time.time())
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def range(self, expression, start, end, step):
        """Series as (labels, [(when, value)])."""
        data = self.call("query_range", query=expression, start=start, end=end, step=step)
        return [(each["metric"], [(float(at), float(value)) for at, value in each["values"]]) for each in data["result"]]

    def value(self, expression, at=None):
        """Of the only series, or none."""
        series = [value for _, value in self.instant(expression, at) if not math.isnan(value)]
        if len(series) > 1:
            raise DrillError(f"{len(series)} series where one is meant: {expression}")
        return series[0] if series else None

    def rules(self):
        """All rules, each with the name of its group."""
        return [rule | {"group": group["name"]} for group in self.call("rules")["groups"] for rule in group["rules"]]

    def alerts(self):
        return [alert for alert in self.call("alerts")["alerts"] if alert["state"] == "firing"]


def start(processes, program, folder, port, alertmanager, targets, rules):
    """`targets`: address to labels; `rules`: files."""
    jobs = [{"job_name": job, "honor_labels": honour, "static_configs": [
        {"targets": [address], "labels": labels} for address, labels in addresses.items()]}
        for job, honour, addresses in targets]
    config = {
        "global": {"scrape_interval": f"{SCRAPE}s", "scrape_timeout": f"{SCRAPE}s", "evaluation_interval": "1s"},
        "rule_files": [str(file) for file in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": jobs,
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config, indent=1))  # JSON is YAML
    process = processes.start("prometheus", [
        program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.external-url=http://prometheus.example/",
        "--web.route-prefix=/", "--enable-feature=exemplar-storage", "--rules.alert.resend-delay=1s", "--log.level=warn"])
    api = Api(f"127.0.0.1:{port}")

    def ready():
        try:
            return api.instant("vector(1)")
        except DrillError:
            return None
    wait_for("Prometheus to be ready", ready, 30, alive=[process])
    return process, api
