"""The reloader: a server that restarts when code or settings change."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.conftest import ServerProcess, StartServer

pytestmark = pytest.mark.platform("linux")

APPLICATION = """
import os

from actionhero import Action, Call


class Greet(Action):
    name = "greet"
    web = "GET /greet"

    async def run(self, call: Call) -> str:
        return "GREETING"


class Process(Action):
    name = "process"
    web = "GET /process"

    async def run(self, call: Call) -> int:
        return os.getpid()
"""
LISTENS = "ActionHero listens on"
LISTENING = r"listens on http://127.0.0.1:(\d+)"


def rewrite(server: ServerProcess, text: str) -> None:
    """Change the application like an editor: a new file replaces the old one."""
    new = server.folder / "new.txt"
    new.write_text(text)
    new.replace(server.folder / "small" / "actions.py")


def greeting(text: str) -> str:
    """Return the application with a greeting."""
    return APPLICATION.replace("GREETING", text)


def test_a_code_change_is_loaded(start_server: StartServer) -> None:
    """After a change, responses come from the new code, on the same port."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    before = server.get("/api/greet")

    rewrite(server, greeting("good morning"))
    server.wait_for(LISTENS, times=2)
    after = server.get("/api/greet")

    assert before == (200, "hello")
    assert after == (200, "good morning")
    assert "restarting: " in server.stderr
    assert "small/actions.py changed" in server.stderr
    assert server.stop() == 0


def test_a_syntax_error_in_a_change_is_recoverable(start_server: StartServer) -> None:
    """A syntax error is logged; a request during the error gets a response after the fix."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)

    rewrite(server, greeting("hello") + "\ndef (\n")
    server.wait_for("the server exited with code 78; waiting for a change")
    client = server.connect()
    client.request("GET", "/api/greet")
    rewrite(server, greeting("good evening"))
    response = server.read_response(client)

    assert response == (200, "good evening")
    assert "SyntaxError: invalid syntax" in server.stderr
    assert "small/actions.py:" in server.stderr
    assert server.stop() == 0


def test_a_syntax_error_at_start_up_is_recoverable(start_server: StartServer) -> None:
    """A fix of the file starts the server, without a restart of the command."""
    server = start_server("--reload", application="def (\n", wait="waiting for a change")

    rewrite(server, greeting("hello"))
    server.port = int(server.wait_for(LISTENING)[0][1])

    assert server.get("/api/greet") == (200, "hello")
    assert server.stop() == 0


def test_changed_settings_are_reloaded(start_server: StartServer) -> None:
    """A change of a setting takes effect."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    settings = server.folder / "actionhero.toml"

    settings.write_text(settings.read_text() + 'web.prefix = "/v2"\n')
    server.wait_for(r"listens on http://127.0.0.1:\d+/v2")

    assert server.get("/v2/greet") == (200, "hello")
    assert server.stop() == 0


def test_a_crashed_server_is_restarted_on_a_change(start_server: StartServer) -> None:
    """The parent logs the exit code of a crashed server, and restarts it on the next change."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    _, pid = server.get("/api/process")

    os.kill(pid, signal.SIGKILL)
    server.wait_for("the server exited with code -9; waiting for a change")
    rewrite(server, greeting("hello again"))
    server.wait_for(LISTENS, times=2)

    assert server.get("/api/greet") == (200, "hello again")
    assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_both_processes_after_open_calls(
    start_server: StartServer, number: int
) -> None:
    """Open calls finish after Ctrl-C, which a terminal sends to both processes."""
    server = start_server("--reload", wait=LISTENING)
    waiting, releasing = server.connect(), server.connect()
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    releasing.request("GET", "/readyz")
    server.read_response(releasing)

    os.killpg(server.process.pid, number)
    server.wait_for("actionhero.process stopping on SIGTERM")
    releasing.request("GET", "/api/release")
    server.read_response(releasing)
    response = server.read_response(waiting)

    assert response == (200, "waited")
    assert server.wait() == 0
    assert not server.has_child_processes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_exits_both_processes_immediately(
    start_server: StartServer, number: int, code: int
) -> None:
    """Ctrl-C twice exits both processes."""
    server = start_server("--reload", wait=LISTENING)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("actionhero.process stopping on SIGTERM")

    assert server.stop(number) == code
    assert not server.has_child_processes


def test_the_server_stops_without_its_parent(start_server: StartServer) -> None:
    """The server releases the port after its parent was killed."""
    server = start_server("--reload", wait=LISTENING)

    server.process.kill()
    server.wait()

    # By the signal of the kernel, on systems that have one.
    assert "actionhero.process stopping" in server.stderr
    assert not server.has_child_processes


def test_a_hanging_call_delays_a_reload_by_the_grace_period_only(
    start_server: StartServer,
) -> None:
    """A change during a hanging call is loaded after two seconds."""
    server = start_server("--reload", wait=LISTENING)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    rewrite(server, greeting("hello"))
    server.wait_for("calls did not finish within 2 s; they are lost")
    server.wait_for(LISTENS, times=2)

    assert server.get("/api/greet") == (200, "hello")
    assert server.stop() == 0


def test_workers_are_ignored_with_reload(start_server: StartServer) -> None:
    """A warning is logged if both workers and reload are set."""
    server = start_server("--reload", "--workers", "2", wait=LISTENING)

    assert server.stop() == 0
    assert "web.workers is ignored while web.reload is on; running one process" in server.stderr


def test_without_watchfiles_the_error_names_the_extra(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The error names the package to install."""
    hidden = tmp_path / "hidden"
    (hidden / "watchfiles").mkdir(parents=True)
    (hidden / "watchfiles" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'watchfiles'\", name='watchfiles')\n"
    )

    server = start_server("--reload", environ={"PYTHONPATH": str(hidden)}, wait=None)

    assert server.wait() == 78
    assert (
        "Error: web.reload (--reload) needs watchfiles, which is not installed; install "
        "actionhero-web[reload], or disable web.reload"
    ) in server.stderr
