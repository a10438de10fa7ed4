"""Several worker processes at one address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.conftest import ServerProcess, StartServer

pytestmark = pytest.mark.platform("linux")

WORKER_LISTENING = r"listening on http://127.0.0.1:(\d+)/api.* worker=(\d+) pid=(\d+)"


def start_two_workers(start_server: StartServer, **options: str) -> tuple[ServerProcess, list[int]]:
    """Start a server with two workers, and return it with their process ids in order."""
    server = start_server("--workers", "2", **options)  # type: ignore[arg-type]
    pids = {int(match[2]): int(match[3]) for match in server.wait_for(WORKER_LISTENING, times=2)}
    return server, [pids[1], pids[2]]


def test_a_killed_worker_is_replaced_while_the_others_serve(start_server: StartServer) -> None:
    """Requests succeed while a killed worker is replaced."""
    server, (first, second) = start_two_workers(start_server)

    os.kill(first, signal.SIGKILL)
    # Until it has exited, it may lose a request.
    server.wait_for(rf"worker 1 \(process {first}\) exited; replacing it")
    responses = [server.get("/api/process") for _ in range(20)]
    third = int(server.wait_for(WORKER_LISTENING, times=3)[2][3])
    code = server.stop()

    assert {status for status, _ in responses} == {200}
    assert {pid for _, pid in responses} <= {second, third}
    assert third not in {first, second}
    assert code == 0
    assert not server.has_child_processes


def test_log_lines_contain_the_worker(start_server: StartServer) -> None:
    """The log shows the number and the process id of the worker for each call."""
    server, pids = start_two_workers(start_server)

    _, pid = server.get("/api/process")
    match = server.wait_for(r"GET /api/process 200 .* process .* worker=(\d) pid=(\d+)")[0]

    assert pids[int(match[1]) - 1] == pid == int(match[2])


def test_the_announcement_is_printed_once(start_server: StartServer) -> None:
    """The address is announced by one worker only."""
    server, _ = start_two_workers(start_server)

    assert server.stop() == 0
    assert server.stderr.count("ActionHero listens on") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_open_call_finishes(start_server: StartServer, number: int) -> None:
    """Open calls finish after Ctrl-C, which a terminal sends to every process."""
    server, _ = start_two_workers(start_server)
    os.mkfifo(server.folder / "pipe")
    client = server.connect()
    client.request("GET", "/api/pipe")
    server.wait_for("reading the pipe")

    os.killpg(server.process.pid, number)
    server.wait_for("actionhero.process stopping on SIGTERM", times=2)
    (server.folder / "pipe").write_text("open")
    response = server.read_response(client)

    assert response == (200, "open")
    assert server.wait() == 0


def test_a_hanging_call_is_cancelled_after_the_grace_period(start_server: StartServer) -> None:
    """Grace period and response are the same as with one process."""
    server, _ = start_two_workers(start_server, settings="process.shutdown_timeout = 0.3")
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    code = server.stop()
    status, body = server.read_response(client)

    assert code == 0
    assert status == 503
    assert body["error"]["message"] == "The server is shutting down"
    assert "after wait" in server.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_exits_all_processes_immediately(
    start_server: StartServer, number: int, code: int
) -> None:
    """Ctrl-C twice exits every process."""
    server, _ = start_two_workers(start_server)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("actionhero.process stopping on SIGTERM", times=2)

    assert server.stop(number) == code
    assert not server.has_child_processes


def test_workers_stop_without_their_parent(start_server: StartServer) -> None:
    """The workers release the port after their parent was killed."""
    server, _ = start_two_workers(start_server)

    server.process.kill()
    # The output ends with the last process.
    server.wait()

    # By the signal of the kernel, on systems that have one.
    assert "actionhero.process stopping" in server.stderr
    assert not server.has_child_processes


FAILING = """
from actionhero import Initializer


class Failing(Initializer):
    name = "failing"

    async def initialize(self, app):
        raise OSError("no such database") from KeyError("DATABASE")
"""

CRASHING = """
import os

from actionhero import Initializer


class Crashing(Initializer):
    name = "crashing"

    async def initialize(self, app):
        os._exit(9)
"""

FAILING_STOP = """
from actionhero import Initializer


class FailingStop(Initializer):
    name = "failing_stop"

    async def stop(self, app):
        raise OSError("cannot disconnect")
"""


def test_a_failed_start_of_a_worker_stops_the_server(start_server: StartServer) -> None:
    """If the database is unavailable, the server logs the error once and exits."""
    server = start_server("--workers", "2", application=FAILING, wait=None)

    code = server.wait()

    assert code == 70
    assert server.stderr.count("Error: initializer 'failing'") == 1
    assert "failed to initialize: OSError: no such database" in server.stderr
    assert "caused by KeyError: 'DATABASE'" in server.stderr
    assert not server.has_child_processes


def test_consecutive_crashes_at_start_up_stop_the_server(start_server: StartServer) -> None:
    """Crashing workers are not replaced endlessly."""
    server = start_server("--workers", "2", application=CRASHING, wait=None)

    code = server.wait()

    assert code == 70
    assert "3 consecutive workers exited before they were ready" in server.stderr
    assert "Error: no worker started, or their supervisor failed; see the log" in server.stderr
    assert not server.has_child_processes


def test_a_failed_stop_of_a_worker_sets_the_exit_code(start_server: StartServer) -> None:
    """The exit code reports a failed shutdown, as with one process."""
    server, _ = start_two_workers(start_server, application=FAILING_STOP)

    assert server.stop() == 70
    assert server.stderr.count("Error: initializer 'failing_stop'") == 1
    assert "failed to stop: OSError: cannot disconnect" in server.stderr


def test_the_configuration_of_gunicorn_is_ignored(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A `gunicorn.conf.py` and environment variables of gunicorn have no effect."""
    (tmp_path / "gunicorn.conf.py").write_text("raise SystemExit('it was read')\n")
    variables = {
        "GUNICORN_CMD_ARGS": "--workers 9 --bind 127.0.0.1:1",
        "GUNICORN_PID": "1",
        "WEB_CONCURRENCY": "9",
    }

    server, _ = start_two_workers(start_server, environ=variables)  # type: ignore[arg-type]

    assert server.stop() == 0
    assert server.stderr.count("listening on") == 2
    assert "it was read" not in server.stderr
    assert not list(tmp_path.glob("*.ctl"))


def test_without_gunicorn_the_error_names_the_extra(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The error names the package to install."""
    hidden = tmp_path / "hidden"
    (hidden / "gunicorn").mkdir(parents=True)
    (hidden / "gunicorn" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'gunicorn'\", name='gunicorn')\n"
    )

    server = start_server("--workers", "2", environ={"PYTHONPATH": str(hidden)}, wait=None)

    assert server.wait() == 78
    assert (
        "Error: web.workers (--workers) is 2, and more than one needs gunicorn, which is not "
        "installed; install actionhero-web[workers] (not available on Windows), or set it to 1"
    ) in server.stderr


def test_importing_the_plugin_does_not_import_gunicorn() -> None:
    """A single process does not import the supervisors."""
    names = "sys, actionhero_web.plugin, actionhero_web.processes.process_models"
    code = f"import {names}; print([*sys.modules])"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert "gunicorn" not in modules
    assert "watchfiles" not in modules
