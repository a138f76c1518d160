"""Expressions that cannot give anything in the drill, or that rightly give twice as much of two exporters, and why. One
that is here without need is a problem, too."""

# (dashboard, panel, letter of the query, reason)
EMPTY = []

# Queries that ask for exemplars and get none.
UNTRACED = [
    ("duroxide-runtime.json", "All calls", "A", "OpenTelemetry's SDK for Rust records no exemplars of its instruments"),
]

# What exporters do, and not what there is in a store, adds up.
DOUBLED = [
    ("duroxide-exporter.json", "Stores", "D", "polls of all exporters: each costs the database"),
    ("duroxide-exporter.json", "Stores", "E", "the number of exporters"),
    ("duroxide-exporter.json", "Pushes by outcome", "A", "pushes of all exporters"),
]


def find(excuses, query):
    for dashboard, panel, ref, reason in excuses:
        if (query.dashboard, query.panel, query.ref) == (dashboard, panel, ref):
            return reason
    return None
