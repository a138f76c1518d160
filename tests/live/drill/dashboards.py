"""Classic Grafana dashboards: what they ask Prometheus, with variables filled in as Grafana does."""

import json
import re
from dataclasses import dataclass, field

from . import rules as durations

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
# Made by Grafana, of the time range and the width of a panel.
BUILT_IN = {"__rate_interval", "__interval", "__interval_ms", "__range", "__range_s", "__range_ms", "__from", "__to"}


@dataclass
class Query:
    """One expression, and where it stands."""
    dashboard: str
    panel: str
    ref: str
    expression: str
    # The shortest step that is asked for, in seconds.
    step: float = 0
    # Whether traces are looked for.
    exemplar: bool = False


@dataclass
class Variable:
    name: str
    kind: str
    query: str
    current: object = None
    all_value: str = ""
    include_all: bool = False
    multi: bool = False
    regex: str = ""


@dataclass
class Dashboard:
    file: str
    uid: str
    title: str
    variables: list = field(default_factory=list)
    queries: list = field(default_factory=list)


def seconds(step):
    """A least step such as `1m` or `>1m`; none, or a variable, is as short as may be."""
    return durations.seconds(step.lstrip(">")) if step and "$" not in step else 0


def panels(of):
    """All of them, also those of folded rows."""
    for panel in of:
        yield panel
        yield from panels(panel.get("panels") or [])


def load(file):
    content = json.loads(file.read_text())
    content = content.get("dashboard", content)
    dashboard = Dashboard(file.name, content["uid"], content["title"])
    for variable in content.get("templating", {}).get("list", []):
        query = variable.get("query")
        dashboard.variables.append(Variable(
            variable["name"], variable["type"], (query.get("query") if isinstance(query, dict) else query) or "",
            (variable.get("current") or {}).get("value"), variable.get("allValue") or "",
            bool(variable.get("includeAll")), bool(variable.get("multi")), variable.get("regex") or ""))
    for panel in panels(content.get("panels", [])):
        for target in panel.get("targets") or []:
            if target.get("expr"):
                dashboard.queries.append(Query(
                    file.name, panel.get("title") or f"panel {panel.get('id')}", target.get("refId", ""), target["expr"],
                    seconds(target.get("interval") or panel.get("interval")), bool(target.get("exemplar"))))
    for annotation in content.get("annotations", {}).get("list", []):
        expression = annotation.get("expr") or (annotation.get("target") or {}).get("expr")
        if expression:
            dashboard.queries.append(Query(file.name, f"annotation {annotation['name']}", "", expression,
                                           seconds(annotation.get("step"))))
    return dashboard


def quoted(text):
    """A value as part of a regular expression within a string of PromQL: Grafana escapes for both."""
    return re.sub(r"([\\^$*+?.()|{}\[\]])", r"\\\\\1", text)


def filled(text, values):
    """A text with its variables filled in; one that is not there is an error."""
    def fill(match):
        name = match.group(1) or match.group(2) or match.group(4)
        form = match.group(3) or match.group(5)
        if name not in values:
            raise KeyError(f"there is no variable ${name}")
        value = values[name]
        if not isinstance(value, list):
            return str(value)
        if form == "csv":
            return ",".join(value)
        if form == "pipe":
            return "|".join(value)
        escaped = [quoted(each) for each in value]
        return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"
    return VARIABLE.sub(fill, text)


def built_in(start, end, step, scrape):
    length = max(1, int(end - start))
    return {
        "__rate_interval": f"{max(step + scrape, 4 * scrape)}s", "__interval": f"{step}s", "__interval_ms": step * 1000,
        "__range": f"{length}s", "__range_s": length, "__range_ms": length * 1000,
        "__from": int(start * 1000), "__to": int(end * 1000),
    }


def resolve(dashboard, api, start, end, values):
    """The values of all variables, asked of Prometheus in turn as Grafana does: everything where "All" is offered,
    else the first. `values` has the built-in ones. Also gives what is wrong, by the name of the variable."""
    values, wrong = dict(values), {}
    for variable in dashboard.variables:
        try:
            values[variable.name] = value_of(variable, api, start, end, values)
            if values[variable.name] in ([], None):
                wrong[variable.name] = f"EMPTY: {filled(variable.query, values)}"
        except Exception as error:  # noqa: whatever it is, it is the variable's fault and is told as such
            wrong[variable.name] = f"ERROR {error}: {variable.query}"
        if variable.name in wrong:
            # So that the queries that use it are looked at, too.
            values[variable.name] = ".*"
    return values, wrong


def value_of(variable, api, start, end, values):
    if variable.kind == "datasource":
        return "prometheus"
    if variable.kind in ("custom", "interval", "constant", "textbox"):
        return variable.current if variable.current not in (None, "") else variable.query.split(",")[0]
    if variable.kind != "query":
        raise ValueError(f"variables of type {variable.kind} are not known here")
    found = options(variable.query, api, start, end, values)
    if variable.regex:
        pattern = re.compile(variable.regex.strip("/"))
        found = [match.group(1) if pattern.groups else each for each in found if (match := pattern.search(each))]
    if not found:
        return []
    if variable.include_all:
        return variable.all_value or found
    return found[:1] if variable.multi else found[0]


def options(query, api, start, end, values):
    query = query.strip()
    if match := re.fullmatch(r"label_values\(\s*(?:(.+?)\s*,\s*)?(\w+)\s*\)", query, re.S):
        selector, label = match.groups()
        matching = {"match[]": filled(selector, values)} if selector else {}
        return api.call(f"label/{label}/values", start=start, end=end, **matching)
    if match := re.fullmatch(r"query_result\((.+)\)", query, re.S):
        series = api.instant(filled(match.group(1), values), end)
        return ["{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + f"}} {value}"
                for labels, value in series]
    raise ValueError("only label_values and query_result are known here")
