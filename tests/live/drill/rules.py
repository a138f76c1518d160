"""The shipped rules, made so much faster that minutes become seconds.

Every duration (`for`, `keep_firing_for`, `interval`, ranges, offsets, subqueries) is divided by FACTOR, and so is every
number with which something in seconds is compared; nothing else changes. Ranges stay long enough for two scrapes.
"""

import re

FACTOR = 60
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
SHORTEST = 1
SHORTEST_RANGE = 4


def seconds(text):
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def faster(text, shortest=SHORTEST):
    """A duration."""
    return f"{max(shortest, round(seconds(text) / FACTOR))}s"


KEY = re.compile(r"^(\s*-?\s*(?:for|keep_firing_for|interval):\s*[\"']?)(" + DURATION.pattern + r")", re.M)
RANGE = re.compile(r"\[(" + DURATION.pattern + r")(?::(" + DURATION.pattern + r")?)?\]")
OFFSET = re.compile(r"\b(offset\s+-?)(" + DURATION.pattern + r")")
# `… < 300` behind something that is in seconds.
COMPARED = re.compile(r"((?:<|>)=?\s*(?:bool\s+)?)(\d+(?:\.\d+)?)(?![\w.])")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# As opposed to functions and labels.
METRIC = re.compile(r"(?:\w+:)?(?:duroxide|process|scrape|messaging)_")


def in_seconds(name):
    return re.search(r"_seconds(?:_bucket|_sum|:\w+)?$", name) is not None


def compared_with(before):
    """The metric that an expression is about: of a group in parentheses the first in it, else the last of all."""
    before = re.sub(r'"[^"]*"', lambda match: " " * len(match.group()), before).rstrip()
    group = before.endswith(")")
    if group:
        depth = 0
        for position in reversed(range(len(before))):
            depth += {")": 1, "(": -1}.get(before[position], 0)
            if depth == 0:
                before = before[position:]
                break
    names = [name for name in NAME.findall(re.sub(r"\{[^{}]*\}", "", before)) if METRIC.match(name)]
    return (names[0] if group else names[-1]) if names else ""


def with_thresholds(expression):
    """Numbers with which seconds are compared. A quotient of two things is left alone."""
    def fill(match):
        if not in_seconds(compared_with(expression[:match.start()])):
            return match.group()
        return f"{match.group(1)}{float(match.group(2)) / FACTOR:g}"
    return COMPARED.sub(fill, expression)


def with_durations(text):
    def ranged(match):
        resolution = f":{faster(match.group(2)) if match.group(2) else ''}" if ":" in match.group() else ""
        return f"[{faster(match.group(1), SHORTEST_RANGE)}{resolution}]"
    text = KEY.sub(lambda match: match.group(1) + faster(match.group(2)), text)
    text = RANGE.sub(ranged, text)
    return OFFSET.sub(lambda match: match.group(1) + faster(match.group(2)), text)


EXPRESSION = re.compile(r"^(?P<indent>\s*)(?:- )?expr:\s*(?P<first>.*)\n(?P<rest>(?:(?P=indent)\s+.*\n|\s*\n)*)", re.M)


def transformed(text):
    """A rules file."""
    text = with_durations(text)

    def expression(match):
        return with_thresholds(match.group())
    return EXPRESSION.sub(expression, text if text.endswith("\n") else text + "\n")


def prepared(sources, folder):
    """The faster files of all rule files in a directory (not in those below it: tests)."""
    folder.mkdir()
    files = []
    for source in sorted(sources.glob("*.y*ml")):
        text = source.read_text()
        if not re.search(r"^groups:", text, re.M):
            continue
        target = folder / source.name
        target.write_text(transformed(text))
        files.append(target)
    return files
