"""Two exporters of one store tell the same, so whatever is summed up must not be doubled."""

import math
import re
from concurrent.futures import ThreadPoolExecutor

from . import dashboards
from .lab import ORDERS, SHOP
from .prometheus import SCRAPE
from .processes import DrillError

# What a sum of both would be, and so what is not right any more.
DOUBLED = 1.5
# A maximum of two is none of these.
ADDS = re.compile(r"\b(?:sum|count|avg|count_values)\b")

# Numbers that do not move while nobody works, as the exporters tell them and as SQL counts them.
TOTALS = {
    "instances": (
        'sum(max by (store, orchestration, version, status) (duroxide_instances{{store="{store}"{one}}}))',
        "select count(*) from {prefix}instances"),
    # Not by state: that of a lease that ends, or of a timer, is another one a moment later.
    "messages": (
        'max(sum by (instance) (duroxide_queue_messages{{store="{store}"{one}}}))',
        "select (select count(*) from {prefix}orchestrator_queue) + (select count(*) from {prefix}worker_queue)"),
    "executions that ended": (
        "sum(max by (store, orchestration, version, outcome, failure_kind) "
        '(duroxide_executions_finished_total{{store="{store}", outcome=~"completed|failed"{one}}}))',
        "select count(*) from {prefix}executions join {prefix}instances using (instance_id) "
        "where status in ('Completed', 'Failed')"),
}


def at_rest(lab, wait):
    """Of the store that nobody works on at the moment. Gives lines for the report."""
    store, told = lab.orders, {}

    def same():
        for what, (expression, statement) in TOTALS.items():
            right = store.number(statement.format(prefix=store.prefix))
            both = lab.api.value(expression.format(store=ORDERS, one=""))
            alone = [lab.api.value(expression.format(store=ORDERS, one=", " + lab.instance(name)))
                     for name in ("orders-a", "orders-b")]
            told[what] = (right, both, *alone)
        return all(set(numbers) == {numbers[0]} and numbers[0] > 0 for numbers in told.values())
    try:
        wait("two exporters, each of them and SQL to tell the same", same)
    except DrillError as error:
        raise DrillError(f"{error}; (SQL, both, one, the other): {told}") from None
    # That there are two, so that this could fail.
    naive = lab.api.value(f'sum(duroxide_instances{{store="{ORDERS}"}})')
    if naive != 2 * told["instances"][0]:
        raise DrillError(f"a plain sum is {naive}, not twice {told['instances'][0]}: there are not two exporters")
    return [f"{what}: {numbers[0]} by SQL, by both exporters, by each of them" for what, numbers in told.items()]


def key(labels):
    return tuple(sorted((name, value) for name, value in labels.items() if name not in ("instance", "job", "pod")))


def values_of(series):
    """By labels, where these do not tell the exporter: with one series for each of them nothing is summed up."""
    found = {}
    for labels, number in series:
        if math.isfinite(number) and "instance" not in labels:
            found[key(labels)] = max(number, found.get(key(labels), -math.inf))
    return found


def doubled(lab, boards, resting, worked):
    """Queries that give more with two sources of a store than with one, as (query, store, labels, one, both), and how many
    were compared.

    `resting`: by store, a moment at which nobody works on it, for numbers that would not be the same a second later.
    `worked`: beginning and end of a time over which rates are taken, in which both exporters were there."""
    began, end = worked
    # One store is watched by two exporters, the other is scraped and pushed.
    sources = {ORDERS: [lab.address("orders-a"), lab.address("orders-b")],
               SHOP: sorted({labels["instance"] for labels, _ in lab.api.instant(f'duroxide_up{{store="{SHOP}"}}', end)})}
    if len(sources[SHOP]) != 2:
        raise DrillError(f"store {SHOP} should be seen by a scrape and by OTLP, but is by {sources[SHOP]}")
    built_in = dashboards.built_in(began, end, 2, SCRAPE)
    for store in sources:
        if store not in resting:
            raise DrillError(f"there was no moment at which nobody worked on store {store}: nothing can be compared")
    work = []
    for board in boards:
        values, _ = dashboards.resolve(board, lab.api, began, end, built_in)
        values["__rate_interval"] = f"{int(end - began)}s"
        work += [(query, values, store) for query in board.queries for store in sources
                 if "instance" in values and ADDS.search(query.expression)]

    def ask(query, values, store, chosen, at):
        return values_of(lab.api.instant(dashboards.filled(query.expression, values | {"store": [store], "instance": chosen}), at))

    def compare(item):
        try:
            return compared(*item)
        except (DrillError, KeyError):
            return [], 0  # a query that is wrong is told elsewhere

    def compared(query, values, store):
        at = end if "$__rate_interval" in query.expression else resting[store]
        # What a counter was when it was first seen is in no rate: two exporters may differ in that.
        alone = {}
        for source in sources[store]:
            for labels, number in ask(query, values, store, [source], at).items():
                alone[labels] = max(number, alone.get(labels, number))
        both = ask(query, values, store, sources[store], at)
        return [(query, store, labels, number, both[labels]) for labels, number in alone.items()
                if number > 0 and labels in both and both[labels] > DOUBLED * number], len(alone.keys() & both.keys())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(compare, work))
    return [more for found, _ in answers for more in found], sum(compared for _, compared in answers)
