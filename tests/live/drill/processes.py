"""Programs that run beside the drill, and end with it however it ends."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# Below what Linux gives to outgoing connections: what comes back must find its port free.
PORTS = range(15_000, 32_000)


class DrillError(Exception):
    """Something the drill counts on did not happen; the text is for people."""


def free_port():
    for _ in range(1000):
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DrillError(f"no port in {PORTS} is free")


def wait_for(what, condition, seconds=60, pause=0.2, alive=()):
    """Asks again and again until `condition` gives something true, and gives that; what must not end meanwhile is `alive`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        for process in alive:
            process.must_run()
        if time.monotonic() > deadline:
            raise DrillError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def end_with_parent():
    # If the drill is killed, nobody else ends its programs.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program with a log file; `start` can be called again after it ended."""

    def __init__(self, name, argv, folder, environment=None, **options):
        self.name, self.argv, self.options = name, [str(word) for word in argv], options
        self.environment = environment or {}
        self.log = folder / f"{name}.log"
        self.popen = None

    def start(self):
        # Nothing of the caller's environment decides what a program of the drill does.
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("OTEL_", "DUROXIDE_EXPORTER_", "DUROXIDE_DEMO_", "PG", "RUST_LOG"))}
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                self.argv, env=kept | self.environment, stdin=self.options.get("stdin", subprocess.DEVNULL),
                stdout=self.options.get("stdout", log), stderr=log, start_new_session=True, preexec_fn=end_with_parent,
                **{key: value for key, value in self.options.items() if key not in ("stdin", "stdout")})
        return self

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def must_run(self):
        if not self.running:
            code = self.popen.returncode if self.popen else None
            raise DrillError(f"{self.name} ended with {code}; its log {self.log} ends:\n{self.tail()}")

    def tail(self, lines=15):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def signal(self, number):
        if self.running:
            self.popen.send_signal(number)

    def kill(self):
        """As when the machine dies."""
        if self.running:
            self.popen.kill()
            self.popen.wait()

    def stop(self, seconds=10):
        """As a supervisor does it."""
        if not self.running:
            return
        self.popen.send_signal(signal.SIGCONT)
        self.popen.terminate()
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


class Processes:
    """All of them: ended in the opposite order."""

    def __init__(self, folder):
        self.folder, self.all = folder, []

    def start(self, name, argv, environment=None, **options):
        process = Process(name, argv, self.folder, environment, **options)
        self.all.append(process)
        return process.start()

    def stop(self):
        for process in reversed(self.all):
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in reversed(self.all):
            process.stop(5)
