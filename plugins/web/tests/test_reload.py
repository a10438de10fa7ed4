"""A process that serves, and starts again when code or settings change."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.conftest import Started, StartServer

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


def rewrite(server: Started, text: str) -> None:
    """Change the application, as an editor does: a new file takes the place of the old."""
    new = server.folder / "new.txt"
    new.write_text(text)
    new.replace(server.folder / "small" / "actions.py")


def greeting(text: str) -> str:
    """Return the application that greets so."""
    return APPLICATION.replace("GREETING", text)


def test_a_change_is_served(start_server: StartServer) -> None:
    """I save a file, and the next answer comes from it, on the same port."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    before = server.get("/api/greet")

    rewrite(server, greeting("good morning"))
    server.wait_for(LISTENS, times=2)
    after = server.get("/api/greet")

    assert before == (200, "hello")
    assert after == (200, "good morning")
    assert "starting again: " in server.stderr
    assert "small/actions.py changed" in server.stderr
    assert server.stop() == 0


def test_a_syntax_error_is_survived(start_server: StartServer) -> None:
    """I save half a line, read the error, mend it, and who asked meanwhile is answered."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)

    rewrite(server, greeting("hello") + "\ndef (\n")
    server.wait_for("the server ended with exit code 78; waiting for a change")
    client = server.connect()
    client.request("GET", "/api/greet")
    rewrite(server, greeting("good evening"))
    answer = server.answer(client)

    assert answer == (200, "good evening")
    assert "SyntaxError: invalid syntax" in server.stderr
    assert "small/actions.py:" in server.stderr
    assert server.stop() == 0


def test_a_syntax_error_at_the_start_is_survived(start_server: StartServer) -> None:
    """I start with a broken file, mend it, and need not start again."""
    server = start_server("--reload", application="def (\n", wait="waiting for a change")

    rewrite(server, greeting("hello"))
    server.port = int(server.wait_for(LISTENING)[0][1])

    assert server.get("/api/greet") == (200, "hello")
    assert server.stop() == 0


def test_settings_are_read_again(start_server: StartServer) -> None:
    """I change a setting, and it holds."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    settings = server.folder / "actionhero.toml"

    settings.write_text(settings.read_text() + 'web.prefix = "/v2"\n')
    server.wait_for(r"listens on http://127.0.0.1:\d+/v2")

    assert server.get("/v2/greet") == (200, "hello")
    assert server.stop() == 0


def test_a_server_that_dies_is_told_and_waits_for_a_change(start_server: StartServer) -> None:
    """My code takes the process down; the parent says so and starts it again when I save."""
    server = start_server("--reload", application=greeting("hello"), wait=LISTENING)
    _, pid = server.get("/api/process")

    os.kill(pid, signal.SIGKILL)
    server.wait_for("the server ended with exit code -9; waiting for a change")
    rewrite(server, greeting("hello again"))
    server.wait_for(LISTENS, times=2)

    assert server.get("/api/greet") == (200, "hello again")
    assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_and_finishes_calls(start_server: StartServer, number: int) -> None:
    """I press Ctrl-C, which a terminal sends to both, and open calls are finished."""
    server = start_server("--reload", wait=LISTENING)
    waiting, releasing = server.connect(), server.connect()
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    releasing.request("GET", "/readyz")
    server.answer(releasing)

    os.killpg(server.process.pid, number)
    server.wait_for("actionhero.process stopping on SIGTERM")
    releasing.request("GET", "/api/release")
    server.answer(releasing)
    answer = server.answer(waiting)

    assert answer == (200, "waited")
    assert server.wait() == 0
    assert not server.has_left_processes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_both_at_once(
    start_server: StartServer, number: int, code: int
) -> None:
    """I press Ctrl-C twice, and both are gone."""
    server = start_server("--reload", wait=LISTENING)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("actionhero.process stopping on SIGTERM")

    assert server.stop(number) == code
    assert not server.has_left_processes


def test_the_server_ends_without_its_parent(start_server: StartServer) -> None:
    """Nothing keeps my port because the parent was killed."""
    server = start_server("--reload", wait=LISTENING)

    server.process.kill()
    server.wait()

    assert "stopping because the process that started this one is gone" in server.stderr
    assert not server.has_left_processes


def test_a_call_that_does_not_end_does_not_keep_the_old_code(start_server: StartServer) -> None:
    """I save while a request hangs, and after two seconds see the new code all the same."""
    server = start_server("--reload", wait=LISTENING)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    rewrite(server, greeting("hello"))
    server.wait_for("calls were still open after 2 s; they are lost")
    server.wait_for(LISTENS, times=2)

    assert server.get("/api/greet") == (200, "hello")
    assert server.stop() == 0


def test_only_one_process_serves(start_server: StartServer) -> None:
    """I ask for workers as well, and am told that there are none."""
    server = start_server("--reload", "--workers", "2", wait=LISTENING)

    assert server.stop() == 0
    assert "web.workers is not looked at while web.reload is on: one serves" in server.stderr


def test_without_watchfiles_the_extra_is_named(start_server: StartServer, tmp_path: Path) -> None:
    """I ask for reloading with a plain installation, and read what to install."""
    hidden = tmp_path / "hidden"
    (hidden / "watchfiles").mkdir(parents=True)
    (hidden / "watchfiles" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'watchfiles'\", name='watchfiles')\n"
    )

    server = start_server("--reload", environ={"PYTHONPATH": str(hidden)}, wait=None)

    assert server.wait() == 78
    assert (
        "Error: web.reload (--reload) needs watchfiles, which is not installed; install "
        "actionhero-web[reload], or leave it out"
    ) in server.stderr
