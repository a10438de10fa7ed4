"""The lines after the start: every URL responds, and every command succeeds."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.cli.terminal import on_terminal

from actionhero.plugins.entry_points import entry_points

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Place

#: Every plugin but the example applications.
PLUGINS = [item.name for item in entry_points("actionhero") if item.name not in ("chat", "hello")]
#: The application, whether it is the chat, and its links in any order.
APPLICATIONS = {
    "guestbook": (False, {"Page", "Docs", "Socket", "Console", "Jobs"}),
    "chat": (True, {"Page", "Docs", "Socket", "Console", "Jobs", "MCP"}),
}


@pytest.mark.parametrize(("is_chat", "labels"), APPLICATIONS.values(), ids=APPLICATIONS)
async def test_urls_respond_and_commands_succeed(
    place: Place, workspace: Path, is_chat: bool, labels: set[str]
) -> None:
    """Each command that is printed is run, and each URL is printed once."""
    place.enabled = [*PLUGINS, "chat"] if is_chat else PLUGINS
    if not is_chat:
        steps = workspace / "docs" / "tutorial" / "guestbook"
        shutil.copytree(steps / "4-nightly", place.folder, dirs_exist_ok=True)
    running = place.start("start")

    banner = running.wait_for(r"\nActionHero listens on .*\n\n((?:  \w+ .*\n)+)\nTry:\n(.*\n)+?\n")

    links = dict(re.findall(r"^  ([A-Z]\w+) +(\S+)$", banner[1], re.MULTILINE))
    assert labels <= set(links)
    assert len(set(links.values())) == len(links)
    async with aiohttp.ClientSession() as client:
        for label, url in links.items():
            if label == "Socket":
                async with client.ws_connect(url):
                    continue
            if label == "MCP":
                continue  # Agents send requests with POST.
            async with client.get(url) as response:
                assert (response.status, response.content_type) == (200, "text/html"), url
    commands = re.findall(r"^  (curl .*)$", banner[0], re.MULTILINE)
    assert 2 <= len(commands) <= 3
    for command in commands:
        fail = command.replace("curl", "curl --silent --show-error --fail")
        process = await asyncio.create_subprocess_shell(fail, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, command
        assert json.loads(output)


def test_dev_restarts_when_code_changes(book: Place) -> None:
    """URLs and commands are printed at the first start only."""
    running = book.start("dev")
    running.wait_for(r"Development server\. It restarts when code or settings change\.")
    running.wait_for("Try:\n  curl ")

    book.write("book/colors.py", "RED = 'red'\n")

    running.wait_for(r"(?s)ActionHero listens on.*ActionHero listens on")
    stopped = running.stop()
    assert stopped.code == 0
    assert stopped.stderr.count("Try:") == 1
    assert stopped.stderr.count("Development server.") == 1


def test_dev_is_refused_in_production(book: Place) -> None:
    """The message contains the command for it."""
    command = book.run("dev", ACTIONHERO_ENV="production")

    assert command.code == 78
    assert "actionhero dev is for development, and ACTIONHERO_ENV is production" in command.stderr


def test_json_logs_have_no_plain_lines(book: Place) -> None:
    """The address is a log line, and there are no commands to try."""
    running = book.start("start", ACTIONHERO_LOGS__FORMAT="json")
    running.wait_for(r'"message":"ActionHero listens on http://127.0.0.1:\d+/api"')

    stopped = running.stop()

    lines = [json.loads(line) for line in stopped.stderr.splitlines()]
    assert "Try:" not in stopped.stderr
    assert {"logger", "message", "level"} <= set(lines[0])


def test_the_address_is_on_a_terminal_once(book: Place) -> None:
    """Log lines do not repeat the announcement, after which this server exits."""
    book.write(
        "book/exit.py",
        """
        import os
        import signal

        from actionhero import Server


        class Exit(Server):
            name = "exit"

            async def start(self, app):
                pass

            async def close(self):
                pass

            def announcement(self):
                os.kill(os.getpid(), signal.SIGTERM)
                return ["exits"]
        """,
    )

    text = on_terminal(book, "start", ACTIONHERO_WEB__PORT="0")

    assert len(re.findall(r"http://127\.0\.0\.1:\d+/api\s", text)) == 1
    assert "ActionHero listens on http" in text
