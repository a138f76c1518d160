"""What several files have to say alike: the exporter's settings, versions, inhibitions, names of files."""

import pathlib
import re
import tomllib

import yaml

root = pathlib.Path()
deploy = root / "deploy"


def text(path):
    return (root / path).read_text()


# Every variable of the exporter that deploy/ names exists.
page = text("docs/settings.md")
known = set(re.findall(r"`(DUROXIDE_EXPORTER_[A-Z_]+)`", page[page.index("<!-- flags -->"):page.index("<!-- /flags -->")]))
named = {}
for file in deploy.rglob("*"):
    if file.is_file() and file.suffix in {"", ".yaml", ".yml", ".service", ".default", ".md", ".tpl", ".txt"} and "secrets" not in file.parts:
        for variable in re.findall(r"\bDUROXIDE_EXPORTER_[A-Z_]+\b", file.read_text()):
            named.setdefault(variable.rstrip("_"), file)
assert len(known) > 30 and len(named) > 5, (known, named)
for variable, file in named.items():
    # The chart makes the rest of the name out of a setting's.
    assert variable in known or variable == "DUROXIDE_EXPORTER", f"{file}: there is no setting {variable}"

# Versions are those of Cargo.toml.
cargo = tomllib.loads(text("Cargo.toml"))["workspace"]["package"]
chart = yaml.safe_load(text("deploy/helm/duroxide-exporter/Chart.yaml"))
assert chart["appVersion"] == cargo["version"], f'Chart.yaml: appVersion {chart["appVersion"]} is not {cargo["version"]}'
for file in ("deploy/kubernetes/deployment.yaml", "deploy/kubernetes/sidecar.yaml"):
    assert f'image: duroxide-exporter:{cargo["version"]}' in text(file), f"{file}: the image is not of version {cargo['version']}"
for file in ("deploy/Dockerfile", "deploy/demo/Dockerfile"):
    assert f'ARG RUST_VERSION={cargo["rust-version"]}\n' in text(file), f"{file}: not the rust-version of Cargo.toml"

# KEDA asks for metrics and labels that there are.
catalogue = dict(re.findall(r"^\| `(duroxide_\w+)` \|.*?\|.*?\|.*?\| (.*?) \|", text("docs/metrics.md"), re.M))
for trigger in yaml.safe_load(text("deploy/keda/scaledobject.yaml"))["spec"]["triggers"]:
    asked = re.findall(r"\b(duroxide_\w+)(?:\{(.*?)\})?", trigger["metadata"]["query"])
    assert len(asked) > 4
    for family, matchers in asked:
        assert family in catalogue, f"KEDA asks for {family}, which there is not"
        for label in re.findall(r"(\w+)=", matchers):
            assert f"`{label}`" in catalogue[family], f"KEDA asks for the label {label} of {family}, which has {catalogue[family]}"

# The quick start holds back what the sample holds back.
sample, quick = (yaml.safe_load(text(f"deploy/{part}/alertmanager.yaml"))["inhibit_rules"] for part in ("alertmanager", "compose"))
assert sample == quick, "deploy/compose/alertmanager.yaml has other inhibitions than deploy/alertmanager/alertmanager.yaml"

# Everything the quick start mounts is there, every secret has a maker, and nothing is published but on loopback.
compose = yaml.safe_load(text("deploy/compose/compose.yaml"))
maker = set(re.search(r"for name in (.+); do", text("deploy/compose/secrets.sh"))[1].split())
assert compose["secrets"].keys() == maker, "secrets.sh makes others than compose.yaml wants"
for name, service in compose["services"].items():
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in compose["volumes"] or (deploy / "compose" / source).exists(), f"{name}: {source} is not there"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name}: port {port} is open to others"
    for secret in service.get("secrets", []):
        assert secret in compose["secrets"], f"{name}: no secret {secret}"
    assert set(service.get("depends_on", {})) <= compose["services"].keys(), name
    for dependency, condition in service.get("depends_on", {}).items():
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in compose["services"][dependency], f"{name} waits for the health of {dependency}, which has none"
home = compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
dashboards = deploy / "helm/duroxide-exporter/files/dashboards"
assert (dashboards / pathlib.Path(home).name).exists(), f"no dashboard {home}"
sources = yaml.safe_load(text("deploy/compose/grafana/provisioning/datasources/datasources.yaml"))["datasources"]
uids = {source["uid"] for source in sources}
for source in sources:
    for exemplar in source.get("jsonData", {}).get("exemplarTraceIdDestinations", []):
        assert exemplar["datasourceUid"] in uids, exemplar
        # As src/output/exemplar.rs writes it.
        assert f'{{{exemplar["name"]}=' in text("src/output/exemplar.rs"), exemplar
print(f"{len(named)} variables, {len(compose['services'])} services")
