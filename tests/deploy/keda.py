"""The queries of the ScaledObject, asked of promtool for situations of an exporter.

    keda.py PROMTOOL SCALEDOBJECT
"""

import pathlib
import subprocess
import sys
import tempfile

import yaml

promtool, scaled_object = sys.argv[1:]
triggers = {t["name"]: t["metadata"] for t in yaml.safe_load(pathlib.Path(scaled_object).read_text())["spec"]["triggers"]}

QUIET = dict(ready_instances=0, locks=0, ready=0, in_flight=0, lease_expired=0, delayed=0, timers=0, messages=0,
             up=1, age=3, replica=0, lag=None, store="orders", labels='job="duroxide-exporter", instance="a:9899"', gone=False)


def exporter(**changes):
    """The series of one exporter; a value of None is no series."""
    unknown = changes.keys() - QUIET.keys()
    assert not unknown, unknown
    e = QUIET | changes
    families = {
        "duroxide_queue_ready_instances{": e["ready_instances"],
        'duroxide_instance_locks{state="active", ': e["locks"],
        'duroxide_instance_locks{state="expired", ': 9,
        **{f'duroxide_queue_messages{{queue="worker", state="{state}", ': e[state]
           for state in ("ready", "in_flight", "lease_expired", "delayed")},
        'duroxide_queue_messages{queue="worker", state="blocked", ': 0,
        'duroxide_queue_messages{queue="orchestrator", state="ready", ': e["messages"],
        'duroxide_queue_messages{queue="timer", state="delayed", ': e["timers"],
        "duroxide_up{": e["up"],
        "duroxide_snapshot_age_seconds{": e["age"],
        "duroxide_store_replica{": e["replica"],
        "duroxide_store_replication_lag_seconds{": e["lag"],
    }
    # What Prometheus writes when a target cannot be scraped any more.
    return [{"series": f'{name}{e["labels"]}, store="{e["store"]}"}}', "values": f"{value} {value} stale _" if e["gone"] else f"{value}x3"}
            for name, value in families.items() if value is not None]


BUSY = dict(ready_instances=5, locks=2, ready=3, in_flight=2, lease_expired=1, delayed=9)
SECOND = dict(labels='job="duroxide-exporter", instance="b:9899"')
# Name; exporters; turns and activities, None for no answer.
SITUATIONS = [
    ("busy", [exporter(**BUSY)], 7, 6),
    ("idle is an answer", [exporter()], 0, 0),
    ("5,000 sleeping timers and back-offs", [exporter(timers=5000, delayed=300)], 0, 0),
    ("due timers", [exporter(ready_instances=40)], 40, 0),
    ("one instance with a thousand messages uses one worker", [exporter(ready_instances=1, messages=1000)], 1, 0),
    ("the last activity still runs", [exporter(in_flight=1)], 0, 1),
    ("the last turn still runs", [exporter(locks=1)], 1, 0),
    ("dead workers left their messages", [exporter(lease_expired=4)], 0, 4),
    ("the store is down, its numbers are frozen", [exporter(**BUSY, up=0, age=20)], None, None),
    ("the store is down, its numbers were zero", [exporter(up=0, age=20)], None, None),
    ("the exporter hangs", [exporter(**BUSY, age=61)], None, None),
    ("the exporter is gone", [exporter(**BUSY, gone=True)], None, None),
    ("there never was an exporter", [], None, None),
    ("not one poll has succeeded", [exporter(up=0, age=None, ready_instances=None, locks=None)], None, None),
    ("a standby that is level", [exporter(**BUSY, replica=1, lag=0)], 7, 6),
    ("a standby a little behind", [exporter(**BUSY, replica=1, lag=12)], 7, 6),
    ("a paused standby, with the zeros of an hour ago", [exporter(replica=1, lag=3600)], None, None),
    ("a standby for a role without pg_monitor", [exporter(**BUSY, replica=1)], None, None),
    ("two exporters on one store", [exporter(**BUSY), exporter(**BUSY, **SECOND)], 7, 6),
    ("two exporters, one lost its store at a busier time",
     [exporter(**BUSY), exporter(**(BUSY | dict(ready_instances=50, ready=50)), **SECOND, up=0, age=30)], 7, 6),
    ("two exporters, one lost its store at an idle time", [exporter(**BUSY), exporter(**SECOND, up=0, age=30)], 7, 6),
    ("two exporters, one reads a paused standby", [exporter(**BUSY), exporter(**SECOND, replica=1, lag=900)], 7, 6),
    ("two exporters, both hang", [exporter(**BUSY, age=90), exporter(**BUSY, **SECOND, age=95)], None, None),
    ("another store is busy", [exporter(), exporter(**BUSY, store="billing")], 0, 0),
    ("this store is gone, another is busy", [exporter(**BUSY, store="billing")], None, None),
    ("pushed by OTLP, without instance", [exporter(**BUSY, labels='job="duroxide-exporter"')], 7, 6),
    ("labels of Kubernetes", [exporter(**BUSY, labels='job="duroxide-exporter", instance="a", namespace="shop", pod="x"')], 7, 6),
]

for trigger in triggers.values():
    assert trigger["ignoreNullValues"] == "false", "no answer would be a zero, and a zero scales in"

tests = []
for name, exporters, *wanted in SITUATIONS:
    tests.append({
        "name": name, "interval": "15s",
        "input_series": [series for e in exporters for series in e],
        "promql_expr_test": [
            {"expr": triggers[trigger]["query"], "eval_time": "45s",
             "exp_samples": [] if value is None else [{"labels": "{}", "value": value}]}
            for trigger, value in zip(("turns", "activities"), wanted, strict=True)],
    })
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "keda.yaml")
    file.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": tests}))
    subprocess.run([promtool, "test", "rules", str(file)], check=True)
print(f"{len(SITUATIONS)} situations")
