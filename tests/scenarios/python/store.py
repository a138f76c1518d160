"""Fills a store through duroxide's Python SDK and leaves work behind.

Usage: store.py FILE [PREFIX]       PREFIX begins the ids of its instances
"""

import sys

from duroxide import Client, Runtime, RuntimeOptions, SqliteProvider

PATIENCE_MS = 180_000
PREFIX = sys.argv[2] if len(sys.argv) > 2 else ""

provider = SqliteProvider.open(sys.argv[1])
runtime = Runtime(provider, RuntimeOptions(dispatcher_poll_interval_ms=10, log_level="error"))


@runtime.register_activity("Greet")
def greet(_context, who):
    return f"hello {who}"


@runtime.register_activity("Break")
def break_(_context, why):
    raise ValueError(f"broken: {why}\nsecond line \"quoted\"")


@runtime.register_orchestration("Hello")
def hello(context, who):
    greeting = yield context.schedule_activity("Greet", who)
    yield context.schedule_timer(30)
    return greeting


@runtime.register_orchestration("FanOut")
def fan_out(context, count):
    results = yield context.all([context.schedule_activity("Greet", n) for n in range(count)])
    return len(results)


@runtime.register_orchestration("Parent")
def parent(context, who):
    return (yield context.schedule_sub_orchestration("Hello", who))


@runtime.register_orchestration("Fails")
def fails(context, why):
    yield context.schedule_activity("Break", why)


@runtime.register_orchestration("Sleeper")
def sleeper(context, milliseconds):
    yield context.schedule_timer(milliseconds)


@runtime.register_orchestration("Waiter")
def waiter(context, _input):
    # Left waiting: a timer, and behind it an event nobody raises.
    yield context.schedule_timer(30)
    yield context.wait_for_event("Approval")


def ended(client, instance):
    result = client.wait_for_orchestration(instance, PATIENCE_MS)
    print(instance, result.status)


client = Client(provider)
runtime.start()
client.start_orchestration(PREFIX + "sleeper", "Sleeper", 3_600_000)
client.start_orchestration(PREFIX + "waiter", "Waiter", None)
finished = {"hello": ("Hello", "bob"), "fan-out": ("FanOut", 5), "parent": ("Parent", "eve"), "fails": ("Fails", "x")}
for instance, (name, argument) in finished.items():
    client.start_orchestration(PREFIX + instance, name, argument)
for instance in finished:
    ended(client, PREFIX + instance)
runtime.shutdown(1000)

# Nobody takes these any more.
client.start_orchestration(PREFIX + "queued", "Hello", "late")
client.raise_event(PREFIX + "waiter", "Approval", {"ok": True})
