"""Every query of every dashboard, over every episode."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from . import dashboards
from .prometheus import SCRAPE

STEP = 2


@dataclass
class Outcome:
    """What an expression gave in one episode."""
    state: str  # ok, empty, nan, error
    told: str = ""


@dataclass
class Result:
    query: dashboards.Query
    episodes: dict = field(default_factory=dict)  # name -> Outcome
    traces: int = 0  # exemplars that lead to a trace

    @property
    def error(self):
        return next((outcome.told for outcome in self.episodes.values() if outcome.state == "error"), None)

    @property
    def seen(self):
        return any(outcome.state == "ok" for outcome in self.episodes.values())

    @property
    def verdict(self):
        if self.error:
            return "error"
        if self.seen:
            return "ok"
        return "nan" if any(outcome.state == "nan" for outcome in self.episodes.values()) else "empty"


def judge(numbers):
    """Of all values that came."""
    if not numbers:
        return Outcome("empty")
    return Outcome("nan" if all(math.isnan(number) for number in numbers) else "ok")


def ask(api, result, values, episodes, began):
    """One query over all episodes. What a table shows of one moment is asked of every moment as well."""
    query = result.query
    end = episodes[-1].end
    step = max(STEP, int(query.step))
    try:
        filled = dashboards.filled(query.expression, values | dashboards.built_in(began, end, step, SCRAPE))
        if query.exemplar:
            found = api.call("query_exemplars", query=filled, start=began, end=end)
            result.traces = sum(len(exemplar["labels"].get("trace_id", "")) == 32 for each in found for exemplar in each["exemplars"])
        points = [point for _, points in api.range(filled, episodes[0].start, end, STEP) for point in points]
    except Exception as error:  # noqa: whatever it is, it is told with the query
        result.episodes = {episode.name: Outcome("error", str(error)) for episode in episodes}
        return
    for episode in episodes:
        result.episodes[episode.name] = judge(
            [number for at, number in points if episode.start <= at <= episode.end])


def everything(api, boards, episodes, began):
    """Results of all queries, and what is wrong with variables as (dashboard, variable, text)."""
    results, wrong, work = [], [], []
    for board in boards:
        values, mistakes = dashboards.resolve(
            board, api, began, episodes[-1].end, dashboards.built_in(began, episodes[-1].end, STEP, SCRAPE))
        wrong += [(board.file, name, text) for name, text in mistakes.items()]
        for query in board.queries:
            results.append(Result(query))
            work.append((results[-1], values))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: ask(api, *item, episodes, began), work))
    return results, wrong


SELECTOR = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^{}]*\})?\s*(?=\[|[\s)\]},+*/%<>=!^-]|$)")
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset", "inf", "nan"}


def selectors(expression):
    """The series an expression reads, as far as they are named `duroxide_…`, `up` and such: without reading PromQL."""
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    # Words within matchers are none.
    found = [(match.group(1), match.group(2) or "") for match in SELECTOR.finditer(bare)]
    return [name + matchers for name, matchers in found
            if name.lower() not in WORDS and ("_" in name or ":" in name or name in ("up", "ALERTS"))
            and not re.search(rf"\b{re.escape(name)}\s*\(", bare)]


def rule_results(api, rules, episodes):
    """Rules as results of their expressions: an alert's gives nothing as long as all is well."""
    results = [Result(dashboards.Query(f"rules/{rule['group']}", rule["name"], rule["type"], rule["query"])) for rule in rules]
    for result in results:
        ask(api, result, {}, episodes, episodes[0].start)
    return results


def inputs_without_data(api, expression, episodes):
    """Of an alert that had nothing to say: what it reads and never was there, so that it could not have said anything."""
    start, end = episodes[0].start, episodes[-1].end
    return [selector for selector in selectors(expression) if not api.range(selector, start, end, STEP)]
