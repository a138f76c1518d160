"""What a collector wrote as OTLP JSON, compared with the rows of the store and with a scrape.

    compare.py RECEIVED.jsonl STORE.db METRICS-URL
"""

import json
import pathlib
import sqlite3
import sys
import time
import urllib.request

received, store, url = sys.argv[1:]
PATIENCE = 30

rows = sqlite3.connect(f"file:{store}?mode=ro", uri=True).execute(
    "SELECT instance_id, execution_id, status FROM executions WHERE status IN ('Completed', 'Failed', 'ContinuedAsNew')")
ended = {(instance, str(execution)): status for instance, execution, status in rows}
names = {line.split("\t")[0]: line.split("\t")[3].rstrip("\n")
         for line in (pathlib.Path(__file__).parent / "../golden/otlp_names.tsv").read_text().splitlines() if line}


def read():
    """Spans by trace and id, and the metrics' names. The last line may be half there."""
    spans, metrics = {}, set()
    for line in pathlib.Path(received).read_text().splitlines():
        try:
            part = json.loads(line)
        except ValueError:
            continue
        for scope in (s for r in part.get("resourceSpans", []) for s in r["scopeSpans"]):
            for span in scope["spans"]:
                spans.setdefault(span["traceId"], {})[span["spanId"]] = span
        for scope in (s for r in part.get("resourceMetrics", []) for s in r["scopeMetrics"]):
            metrics.update(metric["name"] for metric in scope["metrics"])
    return spans, metrics


def roots(spans):
    found = {}
    for trace in spans.values():
        for span in trace.values():
            if not span.get("parentSpanId"):
                values = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                found[values["duroxide.instance.id"], values["duroxide.execution.id"]] = span
    return found


deadline = time.time() + PATIENCE
while True:
    spans, metrics = read()
    here = roots(spans)
    if here.keys() == ended.keys():
        break
    assert time.time() < deadline, f"{len(here)} of {len(ended)} executions: {list(ended.keys() ^ here.keys())[:5]}"
    time.sleep(0.5)

for key, span in here.items():
    assert (span.get("status", {}).get("code") == 2) == (ended[key] == "Failed"), (key, ended[key], span)
for trace in spans.values():
    for span in trace.values():
        assert not span.get("parentSpanId") or span["parentSpanId"] in trace, span

scrape = urllib.request.urlopen(url).read().decode()
families = {line.split()[2] for line in scrape.splitlines() if line.startswith("# TYPE ")}
pushed = {names[metric] for metric in metrics}
missing = {family for family in families if not family.startswith("process_")} - pushed
assert not missing, f"families that did not arrive: {missing}"
print(f"{len(ended)} executions, {sum(map(len, spans.values()))} spans, {len(pushed)} families: all there")
