"""Several processes that serve one address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.conftest import Started, StartServer

pytestmark = pytest.mark.platform("linux")

SERVES = r"listening on http://127.0.0.1:(\d+)/api.* worker=(\d+) pid=(\d+)"


def start_two(start_server: StartServer, **options: str) -> tuple[Started, list[int]]:
    """Start a server with two workers, and return it with their process ids, by their numbers."""
    server = start_server("--workers", "2", **options)  # type: ignore[arg-type]
    found = {int(match[2]): int(match[3]) for match in server.wait_for(SERVES, times=2)}
    return server, [found[1], found[2]]


def test_a_killed_worker_is_replaced_and_the_others_go_on(start_server: StartServer) -> None:
    """One process dies, and my users notice nothing."""
    server, (first, second) = start_two(start_server)

    os.kill(first, signal.SIGKILL)
    # Until it is dead, it may still take a request with it.
    server.wait_for(rf"worker 1 \(process {first}\) has ended; it is replaced")
    meanwhile = [server.get("/api/process") for _ in range(20)]
    third = int(server.wait_for(SERVES, times=3)[2][3])
    code = server.stop()

    assert {status for status, _ in meanwhile} == {200}
    assert {answer for _, answer in meanwhile} <= {second, third}
    assert third not in {first, second}
    assert code == 0
    assert not server.has_left_processes


def test_each_line_tells_which_worker(start_server: StartServer) -> None:
    """I find out from the log which of the processes answered a request."""
    server, pids = start_two(start_server)

    _, pid = server.get("/api/process")
    found = server.wait_for(r"process ok .* worker=(\d) pid=(\d+)")[0]

    assert pids[int(found[1]) - 1] == pid == int(found[2])


def test_what_is_said_to_a_person_is_said_once(start_server: StartServer) -> None:
    """However many processes there are, I am told the address once."""
    server, _ = start_two(start_server)

    assert server.stop() == 0
    assert server.stderr.count("ActionHero listens on") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_open_call_is_finished(start_server: StartServer, number: int) -> None:
    """I press Ctrl-C, which a terminal sends to every process, and calls are still finished."""
    server, _ = start_two(start_server)
    os.mkfifo(server.folder / "gate")
    client = server.connect()
    client.request("GET", "/api/gate")
    server.wait_for("at the gate")

    os.killpg(server.process.pid, number)
    server.wait_for("actionhero.process stopping on SIGTERM", times=2)
    (server.folder / "gate").write_text("open")
    answer = server.answer(client)

    assert answer == (200, "open")
    assert server.wait() == 0


def test_a_hanging_action_is_cancelled_at_the_limit(start_server: StartServer) -> None:
    """The time to finish is the same as for one process, and so is what a client is told."""
    server, _ = start_two(start_server, settings="process.shutdown_timeout = 0.3")
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    code = server.stop()
    status, body = server.answer(client)

    assert code == 0
    assert status == 503
    assert body["error"]["message"] == "The server is shutting down"
    assert "after wait" in server.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_all_at_once(
    start_server: StartServer, number: int, code: int
) -> None:
    """I press Ctrl-C twice, and every process is gone."""
    server, _ = start_two(start_server)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("actionhero.process stopping on SIGTERM", times=2)

    assert server.stop(number) == code
    assert not server.has_left_processes


def test_workers_end_without_their_parent(start_server: StartServer) -> None:
    """Nothing keeps my port because the parent was killed."""
    server, _ = start_two(start_server)

    server.process.kill()
    # What it says ends when the last process has ended.
    server.wait()

    assert "stopping because the process that started this one is gone" in server.stderr
    assert not server.has_left_processes


FAILING = """
from actionhero import Initializer


class Broken(Initializer):
    name = "broken"

    async def initialize(self, app):
        raise OSError("no such database")
"""

DYING = """
import os

from actionhero import Initializer


class Dying(Initializer):
    name = "dying"

    async def initialize(self, app):
        os._exit(9)
"""

STOPPING = """
from actionhero import Initializer


class Clinging(Initializer):
    name = "clinging"

    async def stop(self, app):
        raise OSError("it holds on")
"""


def test_a_worker_that_cannot_start_ends_all(start_server: StartServer) -> None:
    """My database is away: the server says so once and exits, and does not try for ever."""
    server = start_server("--workers", "2", application=FAILING, wait=None)

    code = server.wait()

    assert code == 70
    assert server.stderr.count("Error: initializer 'broken'") == 1
    assert "failed to initialize: OSError: no such database" in server.stderr
    assert "caused by OSError: no such database" in server.stderr
    assert not server.has_left_processes


def test_workers_that_die_before_they_serve_end_all(start_server: StartServer) -> None:
    """A crash at the start does not become a storm of processes."""
    server = start_server("--workers", "2", application=DYING, wait=None)

    code = server.wait()

    assert code == 70
    assert "3 workers in a row ended before they served" in server.stderr
    assert "Error: no worker could start, or their parent failed; see the log" in server.stderr
    assert not server.has_left_processes


def test_a_worker_that_fails_to_stop_is_told(start_server: StartServer) -> None:
    """The exit code says that not all was undone, as with one process."""
    server, _ = start_two(start_server, application=STOPPING)

    assert server.stop() == 70
    assert server.stderr.count("Error: initializer 'clinging'") == 1
    assert "failed to stop: OSError: it holds on" in server.stderr


def test_nothing_of_gunicorns_own_has_a_say(start_server: StartServer, tmp_path: Path) -> None:
    """A `gunicorn.conf.py` and variables for another server do not change this one."""
    (tmp_path / "gunicorn.conf.py").write_text("raise SystemExit('it was read')\n")
    variables = {
        "GUNICORN_CMD_ARGS": "--workers 9 --bind 127.0.0.1:1",
        "GUNICORN_PID": "1",
        "WEB_CONCURRENCY": "9",
    }

    server, _ = start_two(start_server, environ=variables)  # type: ignore[arg-type]

    assert server.stop() == 0
    assert server.stderr.count("listening on") == 2
    assert "it was read" not in server.stderr
    assert not list(tmp_path.glob("*.ctl"))


def test_without_gunicorn_the_extra_is_named(start_server: StartServer, tmp_path: Path) -> None:
    """I ask for two workers with a plain installation, and read what to install."""
    hidden = tmp_path / "hidden"
    (hidden / "gunicorn").mkdir(parents=True)
    (hidden / "gunicorn" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'gunicorn'\", name='gunicorn')\n"
    )

    server = start_server("--workers", "2", environ={"PYTHONPATH": str(hidden)}, wait=None)

    assert server.wait() == 78
    assert (
        "Error: web.workers (--workers) is 2, and more than one needs gunicorn, which is not "
        "installed; install actionhero-web[workers] (there is none for Windows), or set it to 1"
    ) in server.stderr


def test_importing_the_plugin_brings_no_gunicorn() -> None:
    """One process needs no supervisor, and does not pay for one."""
    code = "import sys, actionhero_web.plugin, actionhero_web.process_models; print([*sys.modules])"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert "gunicorn" not in modules
    assert "watchfiles" not in modules
