"""What the chart made of sample values: pods that are locked down, rules and dashboards as they are in the repository.

    rendered.py [--crds DIRECTORY] MANIFESTS [VALUES]

With --crds, custom resources are validated against the definitions of that directory, unknown fields refused.
"""

import argparse
import pathlib

import jsonschema
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--crds", type=pathlib.Path)
parser.add_argument("manifests", type=pathlib.Path)
parser.add_argument("values", type=pathlib.Path, nargs="?")
arguments = parser.parse_args()
objects = [document for document in yaml.safe_load_all(arguments.manifests.read_text()) if document]
assert objects, "no objects"


def strict(schema, top=True):
    """A definition's schema with what the API server does to it: unknown fields are none, but in the object's own frame."""
    if isinstance(schema, list):
        return [strict(part, False) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value, False) for key, value in schema.items()}
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if made.get("type") == "object" and "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if top:
        made["properties"]["metadata"] = {"type": "object"}
    return made


custom = 0
if arguments.crds:
    schemas = {}
    for file in arguments.crds.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())["spec"]
        for version in definition["versions"]:
            kind = f'{definition["group"]}/{version["name"]}', definition["names"]["kind"]
            schemas[kind] = strict(version["schema"]["openAPIV3Schema"])
    for thing in objects:
        kind = thing["apiVersion"], thing["kind"]
        if "." in kind[0].split("/")[0] and not kind[0].split("/")[0].endswith(".k8s.io"):
            assert kind in schemas, f"no definition of {kind} in {arguments.crds}"
            for error in jsonschema.Draft7Validator(schemas[kind]).iter_errors(thing):
                raise SystemExit(f'{kind[1]} {thing["metadata"]["name"]}: {list(error.absolute_path)}: {error.message[:300]}')
            custom += 1
            # A validator that takes everything is none.
            broken = thing | {"spec": thing["spec"] | {"unheardOf": 1}}
            assert not jsonschema.Draft7Validator(schemas[kind]).is_valid(broken), f"{kind}: unknown fields pass"

if arguments.values is None:
    assert custom
    print(f"{custom} custom resources")
    raise SystemExit

values = yaml.safe_load(arguments.values.read_text())
for thing in objects:
    where = f'{thing["kind"]} {thing["metadata"]["name"]}'
    pod = thing["spec"] if thing["kind"] == "Pod" else thing.get("spec", {}).get("template", {}).get("spec")
    if not pod:
        continue
    context = pod["securityContext"]
    assert context["runAsNonRoot"] and context["seccompProfile"] == {"type": "RuntimeDefault"}, where
    assert pod["automountServiceAccountToken"] is False, where
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] and own["allowPrivilegeEscalation"] is False and own["capabilities"] == {"drop": ["ALL"]}, where
        names = [variable["name"] for variable in container["env"]]
        assert len(names) == len(set(names)), f"{where}: a variable twice: {names}"
        for variable in container["env"]:
            assert variable["name"] != "DUROXIDE_EXPORTER_STORE" or "value" not in variable, f"{where}: stores are not from a Secret"
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts <= {volume["name"] for volume in pod["volumes"]}, f"{where}: {mounts}"


def rules(documents, disabled, labels, bases):
    """Rules by group, in their order; of a source, with what the values change."""
    found = {}
    for document in documents:
        for group in document["groups"]:
            kept = found.setdefault(group["name"], [])
            for rule in group["rules"]:
                if (rule.get("alert") or rule.get("record")) in disabled:
                    continue
                if "alert" in rule:
                    rule["labels"] = rule.get("labels", {}) | labels
                    for name, base in bases.items():
                        if rule["annotations"].get(name, "").startswith("/"):
                            rule["annotations"][name] = base + rule["annotations"][name]
                kept.append(rule)
    return {name: group for name, group in found.items() if group}


made = rules([thing["spec"] for thing in objects if thing["kind"] == "PrometheusRule"], [], {}, {})
wanted = {}
settings = values.get("prometheusRule", {})
if settings.get("enabled"):
    sources = [yaml.safe_load(file.read_text()) for file in sorted(pathlib.Path("dashboards/rules").glob("*.yaml"))]
    bases = {"runbook_url": settings.get("runbookBaseUrl", ""), "dashboard_url": settings.get("dashboardBaseUrl", "")}
    wanted = rules(sources, settings.get("disabled", []), settings.get("alertLabels", {}), bases)
assert made == wanted, "the rules are not those of dashboards/rules"

shown = {name: text for thing in objects if thing["kind"] == "ConfigMap" for name, text in thing["data"].items()}
wanted = {}
if values.get("dashboards", {}).get("enabled"):
    wanted = {file.name: file.read_text() for file in pathlib.Path("dashboards").glob("duroxide-*.json")}
assert {name: text.rstrip() for name, text in shown.items()} == {name: text.rstrip() for name, text in wanted.items()}, \
    "the dashboards are not those of dashboards/"
for thing in objects:
    assert len(yaml.safe_dump(thing)) < 900_000, f'{thing["metadata"]["name"]} is too large for an object'
print(f'{arguments.values.name}: {len(objects)} objects, {custom} of them custom, {sum(map(len, made.values()))} rules, {len(shown)} dashboards')
