"""Every query of every dashboard, over every episode."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from . import dashboards
from .prometheus import SCRAPE

STEP = 2
# Asked at so many moments of an episode, the last of them its end.
MOMENTS = 3


@dataclass
class Outcome:
    """What an expression gave in one episode."""
    state: str  # ok, empty, nan, error
    told: str = ""


@dataclass
class Result:
    query: dashboards.Query
    episodes: dict = field(default_factory=dict)  # name -> Outcome

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


def ask(api, query, values, start, end):
    """One query over one episode."""
    try:
        if query.instant:
            numbers = []
            for moment in range(1, MOMENTS + 1):
                at = start + (end - start) * moment / MOMENTS
                series = api.instant(dashboards.filled(query.expression, values), at)
                numbers += [value for _, value in series]
        else:
            series = api.range(dashboards.filled(query.expression, values), start, end, STEP)
            numbers = [number for _, points in series for number in points]
        return judge(numbers)
    except Exception as error:  # noqa: whatever it is, it is told with the query
        return Outcome("error", str(error))


def everything(api, boards, episodes, began):
    """Results of all queries, and what is wrong with variables as (dashboard, variable, episode, text)."""
    results = [Result(query) for board in boards for query in board.queries]
    wrong, work = [], []
    for episode in episodes:
        for board in boards:
            # The range of a dashboard is that of the drill so far: a panel may ask what happened in it.
            built_in = dashboards.built_in(began, episode.end, STEP, SCRAPE)
            values, mistakes = dashboards.resolve(board, api, began, episode.end, built_in)
            wrong += [(board.file, name, episode.name, text) for name, text in mistakes.items()]
            for result in results:
                if result.query.dashboard == board.file:
                    work.append((result, episode, values))
    with ThreadPoolExecutor(4) as pool:
        def one(item):
            result, episode, values = item
            return result, episode, ask(api, result.query, values, episode.start, episode.end)
        for result, episode, outcome in pool.map(one, work):
            result.episodes[episode.name] = outcome
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
    results = []
    for rule in rules:
        query = dashboards.Query(f"rules/{rule['group']}", rule["name"], rule["type"], rule["query"], False)
        result = Result(query)
        for episode in episodes:
            result.episodes[episode.name] = ask(api, query, {}, episode.start, episode.end)
        results.append(result)
    return results


def inputs_without_data(api, expression, episodes):
    """Of an alert that had nothing to say: what it reads and never was there, so that it could not have said anything."""
    start, end = episodes[0].start, episodes[-1].end
    missing = []
    for selector in selectors(expression):
        if not api.range(selector, start, end, STEP):
            missing.append(selector)
    return missing
