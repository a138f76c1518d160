"""What somebody does to a store by hand: messages that get lost, that nobody can read, or that nobody waits for."""

import json
import sqlite3
import time

from .postgres import SCHEMA
from .processes import DrillError


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


class Store:
    """Names of tables as the backend has them, the same statements for both."""
    name = ""
    prefix = ""

    def rows(self, statement):
        raise NotImplementedError

    def do(self, *statements):
        raise NotImplementedError

    def now(self):
        """The moment, as the column `visible_at` has it."""
        raise NotImplementedError

    def number(self, statement):
        [[value]] = self.rows(statement)
        return int(value)

    def send(self, item):
        """A message for an orchestration."""
        [(_, content)] = item.items()
        return (f"insert into {self.prefix}orchestrator_queue (instance_id, work_item, visible_at, created_at) values "
                f"({text(content['instance'])}, {text(json.dumps(item))}, {self.now()}, {self.created()})")

    def start(self, instance, orchestration, version, order):
        return self.send({"StartOrchestration": {
            "instance": instance, "orchestration": orchestration, "input": json.dumps(order), "version": version,
            "parent_instance": None, "parent_id": None, "execution_id": 1}})

    def lose_messages(self, instance):
        """What would have woken an instance is gone; gives what brings it back."""
        columns = "instance_id, work_item, visible_at, created_at"
        where = f"from {self.prefix}orchestrator_queue where instance_id = {text(instance)}"
        lost = self.rows(f"select {columns} {where}")
        if not lost:
            raise DrillError(f"{instance} waits for no message in {self.name}")
        self.do(f"delete {where}")
        return [f"insert into {self.prefix}orchestrator_queue ({columns}) values "
                f"({', '.join(text(value) for value in row)})" for row in lost]


class Sqlite(Store):
    def __init__(self, name, path):
        self.name, self.path = name, path

    def run(self, statements):
        # The application has its own ideas of when to write.
        with sqlite3.connect(self.path, timeout=30, isolation_level=None) as connection:
            connection.execute("begin immediate")
            found = [connection.execute(statement).fetchall() for statement in statements]
            connection.execute("commit")
        connection.close()
        return found

    def rows(self, statement):
        return self.run([statement])[0]

    def do(self, *statements):
        self.run(statements)

    def now(self):
        return int(time.time() * 1000)

    def created(self):
        return "datetime('now')"


class Postgres(Store):
    prefix = SCHEMA + "."

    def __init__(self, name, server):
        self.name, self.server = name, server

    def rows(self, statement):
        return self.server.sql(statement)

    def do(self, *statements):
        self.server.sql(";\n".join(["begin", *statements, "commit"]))

    def now(self):
        return "now()"

    created = now


def empty_basket(number):
    """An order of the demo's that fails in its first step."""
    return {"number": number, "customer": "drill", "country": "AT", "warehouse": "lyon", "card": "Good",
            "express": False, "lines": []}
