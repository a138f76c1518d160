"""A real Alertmanager with the sample's routes and inhibitions: for each situation, who is told of what.

    alertmanager.py CONFIGURATION RULES-DIRECTORY

DUROXIDE_ALERTMANAGER is the folder in which Debian's package is unpacked. Receivers are taken out, so that nobody is told in earnest.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

configuration, rules = sys.argv[1:]
PATIENCE = 20
# Debian's program looks for its templates in /usr/share. Unpacked elsewhere it finds them if it is shown another /usr/share:
# in a name space of its own, which needs no right of the machine's.
UNPACKED = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount", "sh", "-c",
            'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"',
            os.path.abspath(os.environ["DUROXIDE_ALERTMANAGER"])]

config = yaml.safe_load(pathlib.Path(configuration).read_text())
config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]

# Severities of the alerts there are; a name that an inhibition or a situation has and no rule, is a mistake.
severities = {}
for file in pathlib.Path(rules).glob("*.yaml"):
    for group in yaml.safe_load(file.read_text())["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                severities.setdefault(rule["alert"], set()).add(rule["labels"]["severity"])
for rule in config["inhibit_rules"]:
    for matcher in rule["source_matchers"] + rule["target_matchers"]:
        if found := re.fullmatch(r'alertname\s*(=~|!~|!=|=)\s*"?(.+?)"?', matcher):
            for pattern in found[2].split("|") if "(" not in found[2] else [found[2]]:
                assert any(re.fullmatch(pattern, name) for name in severities), f"no alert is called {pattern}"


def alert(name, severity=None, **labels):
    if severity is None:
        (severity,) = severities[name]
    assert severity in severities[name], f"{name} is never {severity}"
    return {"alertname": name, "severity": severity, "cluster": "c"} | labels


A, B = dict(store="orders", job="j"), dict(store="billing", job="j")
# Name; alerts that fire; those of them that are told to the pager, and to the chat.
SITUATIONS = [
    ("late work: the worse form pages, once",
     [alert("DuroxideBacklogAge", "critical", **A, queue="worker"), alert("DuroxideBacklogAge", "warning", **A, queue="worker"),
      alert("DuroxideBacklogAge", "warning", **A, queue="orchestrator")],
     ["DuroxideBacklogAge orders"], ["DuroxideBacklogAge orders"]),
    ("growth is told nobody", [alert("DuroxideBacklogGrowing", **A, queue="worker")], [], []),
    ("a store that is down: its own numbers are silent, those of another store are not",
     [alert("DuroxideStoreDown", **A), alert("DuroxideViewStale", **A), alert("DuroxidePollsFailing", **A),
      alert("DuroxideQueueStalled", **A, queue="worker"), alert("DuroxideExpiredLeases", **A, queue="worker"),
      alert("DuroxideQueueStalled", **B, queue="worker"), alert("DuroxideExpiredLeases", **B, queue="worker")],
     ["DuroxideStoreDown orders", "DuroxideQueueStalled billing"], ["DuroxideExpiredLeases billing"]),
    ("nobody watches a store any more, for its exporter is down",
     [alert("DuroxideStoreUnwatched", **A), alert("DuroxideExporterDown", job="j", instance="a"),
      alert("DuroxideBacklogAge", "critical", **A, queue="worker")],
     ["DuroxideStoreUnwatched orders"], ["DuroxideExporterDown "]),
    ("a stale view", [alert("DuroxideViewStale", **A), alert("DuroxideInstancesStuck", **A)], ["DuroxideViewStale orders"], []),
    ("no exporter at all is one message",
     [alert("DuroxideExporterAbsent"), alert("DuroxideStoreUnwatched", **A), alert("DuroxideStoreUnwatched", **B),
      alert("DuroxideExporterDown", job="j", instance="a")],
     ["DuroxideExporterAbsent "], []),
    ("an exporter that is down is not restarting, another one is",
     [alert("DuroxideExporterDown", job="j", instance="a"), alert("DuroxideExporterRestarting", job="j", instance="a"),
      alert("DuroxideExporterRestarting", job="j", instance="b")],
     [], ["DuroxideExporterDown ", "DuroxideExporterRestarting "]),
    ("the same store name in another cluster is another store",
     [alert("DuroxideStoreDown", **A), alert("DuroxideInstancesStuck", **A) | {"cluster": "d"}],
     ["DuroxideStoreDown orders"], ["DuroxideInstancesStuck orders"]),
]


def call(url, data=None):
    request = urllib.request.Request(url, data and json.dumps(data).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or "null")


def until(what, question):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if (answer := question()) is not None:
                return answer
        except OSError:
            pass
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
    free.close()
    pathlib.Path(folder, "config.yaml").write_text(yaml.safe_dump(config))
    log = pathlib.Path(folder, "log").open("wb")
    server = subprocess.Popen(
        [*UNPACKED, f"--config.file={folder}/config.yaml", f"--storage.path={folder}/data",
         f"--web.listen-address={address}", "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        api = f"http://{address}/api/v2"
        try:
            until("Alertmanager does not start", lambda: call(f"{api}/status"))
        except AssertionError:
            sys.exit(pathlib.Path(folder, "log").read_text())
        for number, (name, alerts, pager, chat) in enumerate(SITUATIONS):
            # Situations keep apart by a label that no inhibition looks at, except in `cluster`, which all compare.
            alerts = [a | {"cluster": f"{a['cluster']}{number}"} for a in alerts]
            clusters = {a["cluster"] for a in alerts}
            call(f"{api}/alerts", [{"labels": a} for a in alerts])

            def told():
                here = [a for a in call(f"{api}/alerts") if a["labels"]["cluster"] in clusters]
                heard = {}
                for a in here:
                    if not a["status"]["inhibitedBy"]:
                        for receiver in a["receivers"]:
                            heard.setdefault(receiver["name"], []).append(f'{a["labels"]["alertname"]} {a["labels"].get("store", "")}')
                seen = [sorted(heard.get(receiver, [])) for receiver in ("pager", "chat")], len(here)
                told.seen = seen
                return seen if seen == ([sorted(pager), sorted(chat)], len(alerts)) else None

            try:
                until(name, told)
            except AssertionError:
                sys.exit(f"{name}: pager and chat hear {told.seen[0]} of {told.seen[1]} alerts, should hear {[pager, chat]}")
    finally:
        server.terminate()
        server.wait()
        log.close()
print(f"{len(SITUATIONS)} situations")
