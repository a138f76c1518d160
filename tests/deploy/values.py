"""The chart's values against their schema: those that are right are taken, each mistake is refused with its place.

    values.py CHART
"""

import copy
import json
import pathlib
import re
import sys

import jsonschema
import yaml

chart = pathlib.Path(sys.argv[1])
schema = json.loads((chart / "values.schema.json").read_text())
jsonschema.Draft7Validator.check_schema(schema)
defaults = yaml.safe_load((chart / "values.yaml").read_text())


def merged(under, over):
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: merged(under.get(key), value) for key, value in over.items()}
    return over


def mistakes(values):
    found = jsonschema.Draft7Validator(schema).iter_errors(merged(copy.deepcopy(defaults), values))
    return [f'{".".join(map(str, error.absolute_path))}: {error.message}' for error in found]


samples = sorted((chart / "ci").glob("*.yaml"))
assert samples, "no sample values"
for values in [{}, *(yaml.safe_load(file.read_text()) for file in samples)]:
    assert not mistakes(values), mistakes(values)

digest = "sha256:" + "0" * 64
WRONG = [
    ({"replica": 2}, "replica"),
    ({"replicas": "two"}, "replicas"),
    ({"replicas": -1}, "replicas"),
    ({"stores": "orders=postgres://db/shop"}, "stores"),
    ({"stores": ["orders=mysql://db/shop"]}, "stores.0"),
    ({"stores": ["orders=postgres://db/shop billing=postgres://db/shop"]}, "stores.0"),
    ({"storesFromSecret": {"secret": "x"}}, "storesFromSecret"),
    ({"settings": {"poll.interval": "5s"}}, "poll.interval"),
    ({"settings": {"state-dir": "/var/lib/x"}}, "state-dir"),
    ({"settings": {"poll-interval": ["5s"]}}, "settings.poll-interval"),
    ({"state": {"kind": "disk"}}, "state.kind"),
    ({"state": {"claim": {"size": "a lot"}}}, "state.claim.size"),
    ({"image": {"digest": "latest"}}, "image.digest"),
    ({"image": {"repository": ""}}, "image.repository"),
    ({"image": {"digest": digest, "pullPolicy": "Sometimes"}}, "image.pullPolicy"),
    ({"service": {"port": 99999}}, "service.port"),
    ({"serviceMonitor": {"interval": "often"}}, "serviceMonitor.interval"),
    ({"podMonitor": {"honorLabels": "yes"}}, "podMonitor.honorLabels"),
    ({"networkPolicy": {"egressPorts": ["5432"]}}, "networkPolicy.egressPorts.0"),
    ({"prometheusRule": {"disabled": "DuroxideBacklogGrowing"}}, "prometheusRule.disabled"),
    ({"prometheusRule": {"runbookBaseUrl": "https://git.example/"}}, "prometheusRule.runbookBaseUrl"),
    ({"podAnnotations": {"a": True}}, "podAnnotations.a"),
    ({"dashboards": {"label": "x"}}, "dashboards"),
]
for values, place in WRONG:
    found = mistakes(values)
    assert any(place in mistake for mistake in found), f"{values} is refused with {found or 'nothing'}"

# The whole of values.yaml is known to the schema, and the other way round.
for path, known in [((), schema), *(((key,), part) for key, part in schema["properties"].items())]:
    if "$ref" in known:
        known = schema["definitions"][known["$ref"].rsplit("/", 1)[1]]
    here = defaults
    for key in path:
        here = here.get(key) if key != "global" else None
    if isinstance(here, dict) and "properties" in known and path != ("settings",):
        assert here.keys() | {"global"} == known["properties"].keys() | {"global"}, (path, here.keys() ^ known["properties"].keys())

# Settings are all those of the table in docs/settings.md but what the chart sets itself, and the headers, which hold keys.
page = pathlib.Path("docs/settings.md").read_text()
flags = set(re.findall(r"^\| `--([a-z.-]+)`", page[page.index("<!-- flags -->"):page.index("<!-- /flags -->")], re.M))
own = {"store", "state-dir", "web.listen-address", "config.file", "otlp.headers"}
assert own <= flags and flags - own == schema["properties"]["settings"]["properties"].keys(), \
    flags - own ^ schema["properties"]["settings"]["properties"].keys()
print(f"{len(samples)} samples taken, {len(WRONG)} mistakes refused, {len(flags - own)} settings")
