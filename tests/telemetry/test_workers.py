"""The metrics of four workers under load, which are killed one after the other."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.platform("linux")

WORKERS = 4
ACTION = '''
from __future__ import annotations

from actionhero import Action
from actionhero_telemetry import Counter

added = Counter("test.added")


class Add(Action):
    """Count the calls."""

    name = "add"
    web = "POST /add"

    async def run(self) -> int:
        added.add()
        return 1
'''
Sample = tuple[str, frozenset[tuple[str, str]]]


class Server:
    """A server with four workers."""

    def __init__(self, folder: Path) -> None:
        self.listener_port = free_port()
        (folder / "counting.py").write_text(ACTION, encoding="utf-8")
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "actionhero", "start", "--port", "0"],
                cwd=folder,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(folder),
                    "ACTIONHERO_APP__PACKAGE": "counting",
                    "ACTIONHERO_PLUGINS__ENABLED": "telemetry,web",
                    "ACTIONHERO_WEB__WORKERS": str(WORKERS),
                    "ACTIONHERO_TELEMETRY__LISTEN": f"127.0.0.1:{self.listener_port}",
                    "ACTIONHERO_TELEMETRY__ROUTE": "/metrics",
                },
                stderr=log,
                start_new_session=True,
            )
        self.port = int(self.wait_for(r"listening on http://127.0.0.1:(\d+)", WORKERS)[0])

    def wait_for(self, pattern: str, times: int) -> list[str]:
        """Wait until the log matches a pattern, and return the groups."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.findall(pattern, self.log.read_text("utf-8"))
            if len(found) >= times:
                return found
            time.sleep(0.05)
        raise AssertionError(self.log.read_text("utf-8"))

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes of the workers."""
        return psutil.Process(self.process.pid).children()

    def request(self, method: str, path: str, port: int | None = None) -> tuple[int, str]:
        """Send a request on a new connection, and return the response; 0 if there is none."""
        client = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        try:
            client.request(method, path)
            response = client.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            client.close()

    def totals(self) -> dict[Sample, float]:
        """Return all numbers that must never fall, from whichever worker responds."""
        status, text = self.request("GET", "/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in (text_string_to_metric_families(text) if status == 200 else ())
            if family.type in {"counter", "histogram"}
            for sample in family.samples
        }

    def stop(self) -> None:
        """Kill all processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Load:
    """Calls an action all the time, in threads, and counts the responses."""

    def __init__(self, server: Server, threads: int) -> None:
        self._server = server
        self._ended = threading.Event()
        self.responses = [0] * threads
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        while not self._ended.is_set():
            status, _ = self._server.request("POST", "/api/add")
            self.responses[number] += status == 200

    def stop(self) -> int:
        """Stop, and return the number of responses."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return sum(self.responses)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with four workers."""
    server = Server(tmp_path_factory.mktemp("workers"))
    yield server
    server.stop()


def count_while_workers_are_killed(server: Server, kills: int, seconds: float) -> None:
    """Check that no total falls, and that each response was counted.

    A histogram may miss the values of a process that were recorded just before its kill.
    """
    calls = "actionhero_call_duration_seconds_count"
    labels = frozenset({("action", "add"), ("transport", "web"), ("outcome", "ok")})
    counter: Sample = ("test_added_total", frozenset())
    before = server.totals()
    last = dict(before)
    load = Load(server, threads=2)
    scrapes = 0
    try:
        for number in range(kills):
            workers = server.workers
            # Some may be being replaced.
            victim = workers[number % len(workers)]
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                totals = server.totals()
                if not totals:
                    continue
                scrapes += 1
                fallen = {key: (last[key], totals.get(key)) for key in last
                          if totals.get(key, -1.0) < last[key]}  # fmt: skip
                assert fallen == {}
                last = totals
            victim.kill()
            victim.wait(10)
    finally:
        responses = load.stop()
    after = server.totals()
    counted = after[counter] - before.get(counter, 0)
    measured = after[calls, labels] - before.get((calls, labels), 0)

    assert scrapes >= kills
    assert responses > 0
    # A call is counted before its response is sent; one whose worker is killed in between, too.
    assert responses <= counted <= responses + 2 * kills
    assert 0 < measured <= counted


def test_totals_never_fall_while_workers_are_killed(server: Server) -> None:
    count_while_workers_are_killed(server, kills=3, seconds=0.7)


@pytest.mark.soak
def test_totals_never_fall_for_minutes(server: Server) -> None:
    count_while_workers_are_killed(server, kills=120, seconds=1)

    files = list(server.log.parent.glob(".actionhero/telemetry/*.db"))
    # One for each kind of values and slot; the supervisor has none.
    assert len(files) <= 5 * (WORKERS + 1)


def test_any_worker_responds_for_all(server: Server) -> None:
    # Together they use more than one of them could.
    expected = 2.5 * server.workers[0].memory_info().rss

    for port in (server.port, server.listener_port):
        deadline = time.monotonic() + 20
        memory = 0.0
        # A worker that has just been started responds later.
        while memory < expected and time.monotonic() < deadline:
            _, text = server.request("GET", "/metrics", port)
            match = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
            memory = float(match[1]) if match else 0.0
        assert memory > expected


def test_another_worker_takes_over_the_listener(server: Server) -> None:
    def listening() -> psutil.Process:
        """Return the worker that listens, once one does: a worker responds to calls before."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for worker in server.workers:
                if any(
                    item.laddr.port == server.listener_port and item.status == "LISTEN"
                    for item in worker.net_connections("tcp")
                ):
                    return worker
            time.sleep(0.05)
        pytest.fail("no worker listens")

    worker = listening()
    worker.kill()
    killed_at = time.monotonic()
    while server.request("GET", "/metrics", server.listener_port)[0] != 200:
        assert time.monotonic() - killed_at < 5
        time.sleep(0.05)

    assert listening().pid != worker.pid
