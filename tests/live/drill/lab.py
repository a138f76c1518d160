"""Everything the drill runs: two stores with the real workload on them, exporters, Prometheus, Alertmanager."""

import urllib.error
import urllib.request

from . import alertmanager, prometheus, rules
from .postgres import SCHEMA, Pair
from .processes import Processes, free_port, wait_for
from .stores import Postgres, Sqlite

# The names of stores, as metrics have them.
ORDERS = "orders"  # Postgres, read from its standby by two exporters
SHOP = "shop"      # SQLite
CAPPED = "capped"  # the same file, by an exporter that may tell few names only
JOB = "duroxide-exporter"
# SQLite lets one write at a time: more would be a backlog in itself.
ORDERS_RATE, SHOP_RATE = "4", "1"


class Lab:
    def __init__(self, programs, sources, folder):
        self.programs, self.folder = programs, folder
        self.processes = Processes(folder)
        self.pair = None
        self.webhook = alertmanager.Webhook()
        self.ports = {name: free_port() for name in (
            "orders-a", "orders-b", "shop", "capped", "otlp", "collector", "prometheus", "alertmanager")}
        self.rule_files = rules.prepared(sources / "rules", folder / "rules")

    def address(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def open(self):
        self.pair = Pair(self.processes, self.programs.cluster, self.programs.postgres)
        self.orders = Postgres(ORDERS, self.pair.primary)
        data = self.folder / "shop"
        self.shop = Sqlite(SHOP, data / "orders.db")
        self.collector = self.processes.start("collector", [
            self.programs.python, "-u", __file__.replace("lab.py", "collector.py"), self.ports["otlp"], self.ports["collector"]])
        # Backlogs of Postgres are made by the drill, that of SQLite comes by itself: 40 s, from the 45th second on.
        self.orders_demo = self.processes.start(
            "orders-demo", [self.programs.demo, "--without-exporter", "--rate", ORDERS_RATE, "--episode-every", "10000h"],
            {"DUROXIDE_DEMO_STORE": self.pair.primary.url() + f"?schema={SCHEMA}"})
        self.shop_demo = self.processes.start(
            "shop-demo", [self.programs.demo, "--without-exporter", "--rate", SHOP_RATE, "--episode-every", "3m", "--seed", "2",
                          "--data-dir", data, "--otlp.endpoint", f"http://{self.address('otlp')}"],
            {"OTEL_METRIC_EXPORT_INTERVAL": "1000"})
        self.wait_for_stores()
        self.exporters = {}
        for name in ("orders-a", "orders-b"):
            self.exporters[name] = self.exporter(
                name, {ORDERS: self.pair.standby.url() + f"?schema={SCHEMA}"}, "--poll-timeout", "3s")
        file = f"sqlite:{self.shop.path}?replica=false"
        self.state = self.folder / "state"
        self.state.mkdir()
        self.exporters["shop"] = self.exporter(
            "shop", {SHOP: file}, "--state-dir", self.state, "--otlp.endpoint", f"http://{self.address('otlp')}",
            "--otlp.protocol", "grpc", "--otlp.metrics.interval", "1s", "--otlp.timeout", "2s",
            "--otlp.traces.enabled", "true", "--otlp.logs.enabled", "true")
        self.exporters["capped"] = self.exporter("capped", {CAPPED: file}, "--metrics.max-label-values", "3")
        self.alertmanager = alertmanager.start(
            self.processes, self.programs.alertmanager, self.folder, self.ports["alertmanager"], self.webhook)
        targets = [
            (JOB, False, {self.address(name): {} for name in self.exporters}),
            # What was pushed by OTLP has the labels of its sender.
            ("otlp", True, {self.address("collector"): {}}),
        ]
        self.prometheus, self.api = prometheus.start(
            self.processes, self.programs.prometheus, self.folder, self.ports["prometheus"],
            self.address("alertmanager"), targets, self.rule_files)
        wait_for("all targets to be up", lambda: self.api.value("count(up == 1)") == len(self.exporters) + 1,
                 alive=[self.prometheus, *self.exporters.values()])

    def wait_for_stores(self):
        """Until both shops have made their tables."""
        def ready(store):
            try:
                return store.number(f"select count(*) from {store.prefix}instances") > 0
            except Exception:  # noqa: neither file nor schema may be there yet
                return False
        demos = {self.orders: self.orders_demo, self.shop: self.shop_demo}
        for store, demo in demos.items():
            wait_for(f"the demo to work on {store.name}", lambda: ready(store), alive=[demo])

    def exporter(self, name, stores, *arguments):
        # Passwords are for no process list.
        environment = {"DUROXIDE_EXPORTER_STORE": " ".join(f"{store}={url}" for store, url in stores.items())}
        return self.processes.start(f"exporter-{name}", [
            self.programs.exporter, "serve", "--poll-interval", "1s", "--history.backfill", "true",
            "--web.listen-address", self.address(name), *arguments], environment)

    def instance(self, name):
        return f'instance="{self.address(name)}"'

    def tell_collector(self, path):
        request = urllib.request.Request(f"http://{self.address('collector')}/{path}", b"", method="POST")
        with urllib.request.urlopen(request, timeout=5):
            pass

    def close(self):
        self.processes.stop()
        if self.pair:
            self.pair.close()
