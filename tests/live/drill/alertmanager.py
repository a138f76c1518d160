"""A real Alertmanager, and the webhook to which it sends."""

import http.server
import json
import threading
import time
import urllib.request

from .processes import wait_for

# The drill looks at each alert on its own; what is sent again after an hour does not happen here.
CONFIG = {
    "route": {"receiver": "drill", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"},
    "receivers": [{"name": "drill", "webhook_configs": [{"url": "", "send_resolved": True}]}],
}


class Webhook:
    """Keeps every alert that arrives: what a person on call would have been told, and when."""

    def __init__(self):
        self.arrived, self.lock = [], threading.Lock()
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with webhook.lock:
                    webhook.arrived += [alert | {"at": time.time()} for alert in message["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def firing(self, name, **labels):
        """An alert of this name and with these labels that was told and whose end was not; the last word of it counts."""
        last = {}
        with self.lock:
            for alert in self.arrived:
                has = alert["labels"]
                if has.get("alertname") == name and all(has.get(key) == value for key, value in labels.items()):
                    last[alert["fingerprint"]] = alert
        return next((alert for alert in last.values() if alert["status"] == "firing"), None)

    def ended(self, firing):
        """The end of an alert that was told."""
        with self.lock:
            return next((alert for alert in self.arrived if alert["fingerprint"] == firing["fingerprint"]
                         and alert["status"] == "resolved" and alert["at"] >= firing["at"]), None)


def start(processes, program, folder, port, webhook):
    CONFIG["receivers"][0]["webhook_configs"][0]["url"] = webhook.url
    # Unpacked and not installed, it looks for its templates where it is started (see tests/run).
    templates = program.parent / "../share/prometheus/alertmanager"
    file = folder / "alertmanager.yml"
    file.write_text(json.dumps(CONFIG, indent=1))  # JSON is YAML
    process = processes.start("alertmanager", [
        program, f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
        cwd=templates if templates.is_dir() else folder)

    def ready():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False
    wait_for("Alertmanager to be ready", ready, 30, alive=[process])
    return process
