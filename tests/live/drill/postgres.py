"""A Postgres primary and its hot standby, made by the project's own program `cluster`, and faults in them."""

import os
import pathlib
import signal
import subprocess
import urllib.parse

from .processes import DrillError, wait_for

# The user that owns nothing: PostgreSQL refuses to run as root, and `cluster` runs it as this one then.
NOBODY = 65534
DATABASE = "shop"
SCHEMA = "orders"


class Server:
    def __init__(self, url, directory, programs):
        self.address, self.directory, self.programs = urllib.parse.urlsplit(url), pathlib.Path(directory), programs

    def url(self, database=DATABASE):
        return self.address._replace(path=f"/{database}").geturl()

    def sql(self, statements, database=DATABASE):
        """Rows as lists of text; each statement on its own."""
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGCONNECT_TIMEOUT": "5",
                       "PGPASSWORD": urllib.parse.unquote(self.address.password)}
        ended = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-h", self.address.hostname,
             "-p", str(self.address.port), "-U", self.address.username, "-d", database],
            input=statements, env=environment, capture_output=True, text=True, timeout=30)
        if ended.returncode:
            raise DrillError(f"{statements}\non port {self.address.port}: {ended.stderr.strip()}")
        return [line.split("\x1f") for line in ended.stdout.splitlines()]

    def answers(self):
        try:
            return self.sql("select 1", "postgres") == [["1"]]
        except DrillError:
            return False

    def stop(self):
        """Ends sessions and stops, as `systemctl stop` does."""
        postmaster = int((self.directory / "data/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGINT)
        wait_for(f"the server on port {self.address.port} to stop",
                 lambda: not (self.directory / "data/postmaster.pid").exists(), 30, 0.05)

    def start_again(self, processes, name):
        """On its old port and data. `cluster` ends it as any other process that works in its directory."""
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        processes.start(name, [self.programs / "postgres", "-D", self.directory / "data"], {"LC_ALL": "C"},
                        cwd=self.directory, **user)
        wait_for(f"the server on port {self.address.port} to let clients in", self.answers, 30)


class Pair:
    """Both, until the drill ends."""

    def __init__(self, processes, cluster, programs):
        # It ends, and its servers with it, when its standard input does.
        self.process = processes.start("cluster", [cluster], {"DUROXIDE_PG_BIN": str(programs)},
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lines = [self.process.popen.stdout.readline().decode().split() for _ in range(2)]
        if not all(lines):
            raise DrillError(f"cluster makes no servers:\n{self.process.tail()}")
        self.primary, self.standby = (Server(*line, programs) for line in lines)
        self.primary.sql(f"create database {DATABASE}", "postgres")

    def pause_replay(self):
        self.standby.sql("select pg_wal_replay_pause()")

    def resume_replay(self):
        def resumed():
            try:
                return self.standby.sql("select pg_wal_replay_resume(); select pg_get_wal_replay_pause_state()")[-1] == ["not paused"]
            except DrillError:
                # What is replayed at once may cancel the very query that resumes it.
                return False
        wait_for("replay to go on", resumed, 30)

    def close(self):
        if self.process.running:
            self.process.popen.stdin.close()
            try:
                self.process.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
