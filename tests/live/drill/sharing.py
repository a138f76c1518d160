"""Two exporters of one store tell the same, so whatever is summed up must not be doubled."""

import math

from . import dashboards
from .lab import ORDERS, SHOP
from .prometheus import SCRAPE
from .processes import DrillError

# What a sum of both would be, and so what is not right any more.
DOUBLED = 1.5

# Numbers that do not move while nobody works, as the exporters tell them and as SQL counts them.
TOTALS = {
    "instances": (
        'sum(max by (store, orchestration, version, status) (duroxide_instances{{store="{store}"{one}}}))',
        "select count(*) from {prefix}instances"),
    "messages": (
        'sum(max by (store, queue, state) (duroxide_queue_messages{{store="{store}"{one}}}))',
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
        wait("two exporters, each of them and SQL to tell the same", same, 30)
    except DrillError as error:
        raise DrillError(f"{error}; (SQL, both, one, the other): {told}") from None
    # That there are two, so that this could fail.
    naive = lab.api.value(f'sum(duroxide_instances{{store="{ORDERS}"}})')
    if naive != 2 * told["instances"][0]:
        raise DrillError(f"a plain sum is {naive}, not twice {told['instances'][0]}: there are not two exporters")
    return [f"{what}: {numbers[0]} by SQL, by both exporters, by each of them" for what, numbers in told.items()]


def key(labels):
    return tuple(sorted((name, value) for name, value in labels.items() if name not in ("instance", "job", "pod")))


def means(series):
    """By the labels that do not tell the exporter; several of the same are the same number."""
    found = {}
    for labels, numbers in series:
        numbers = [number for number in numbers if math.isfinite(number)]
        if numbers:
            mean = sum(numbers) / len(numbers)
            found[key(labels)] = max(mean, found.get(key(labels), -math.inf))
    return found


def doubled(lab, boards, episode, began):
    """Queries that give more with two sources of a store than with one: (query, labels, one, both)."""
    sources = {ORDERS: [lab.address("orders-a"), lab.address("orders-b")], SHOP: [lab.address("shop")]}
    pushed = [labels["instance"] for labels, _ in lab.api.instant(f'duroxide_up{{store="{SHOP}"}}', episode.end)]
    sources[SHOP] += [instance for instance in pushed if instance not in sources[SHOP]]
    if len(sources[SHOP]) != 2:
        raise DrillError(f"store {SHOP} should be seen by a scrape and by OTLP, but is by {sources[SHOP]}")
    wrong, compared = [], 0
    for board in boards:
        built_in = dashboards.built_in(began, episode.end, 2, SCRAPE)
        values, _ = dashboards.resolve(board, lab.api, began, episode.end, built_in)
        if "instance" not in values or "store" not in values:
            continue
        for store, instances in sources.items():
            for query in board.queries:
                if "$instance" not in query.expression and "${instance" not in query.expression:
                    continue
                alone, both = (means(lab.api.range(
                    dashboards.filled(query.expression, values | {"store": [store], "instance": chosen}),
                    episode.start, episode.end, 2)) for chosen in (instances[:1], instances))
                compared += 1
                wrong += [(query, store, labels, one, both[labels]) for labels, one in alone.items()
                          if one > 0 and labels in both and both[labels] > DOUBLED * one]
    return wrong, compared
