"""The inspector signs in: discovery, registration, PKCE, consent in a browser, tokens and calls.

It is the command line of the inspector; the browser that it would open is one of the test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import sync_playwright
from tests.conformance.test_mcp import INSPECTOR, INSPECTOR_PROGRAM, install

from actionhero.testing import free_port
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.conftest import Place

    from actionhero_redis.testing import ThrowAwayRedis

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

#: How the inspector asks for a browser.
PROMPT: Final = re.compile(r"navigate to: (http://127\.0\.0\.1:\S+)")
TIMEOUT_SECONDS: Final = 60


class Inspector:
    """The command line of the inspector, with a storage of its own.

    Args:
        folder: The folder of its storage.
        url: The endpoint of the server.
        page: The browser in which its user signs in and consents.
    """

    def __init__(self, folder: Path, url: str, page: Page) -> None:
        self._command = [*install("inspector", INSPECTOR, INSPECTOR_PROGRAM), "--cli", url]
        self._page = page
        self._environ = {
            **os.environ,
            "HOME": os.fspath(folder),
            "MCP_STORAGE_DIR": os.fspath(folder),
            "MCP_OAUTH_CALLBACK_URL": f"http://127.0.0.1:{free_port()}/oauth/callback",
            # Otherwise it asks for nothing without a terminal.
            "MCP_AUTO_OPEN_ENABLED": "true",
            # No program opens a page, so that it prints the URL.
            "PATH": os.fspath(folder),
            # The next run has the tokens of this one.
            "MCP_INSPECTOR_SECRET_STORE": "file",
        }

    def run(self, *options: str, visits: list[Callable[[Page], None]]) -> Any:
        """Run it, and return the JSON that it prints.

        Args:
            options: Its options.
            visits: The visits of the pages that it asks its user to open, each of them once.
        """
        left, lines = list(visits), list[str]()
        with subprocess.Popen(
            [*self._command, "--transport", "http", *options],
            env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout
            assert process.stderr
            # It waits for its user without end; once killed, reading ends.
            watchdog = threading.Timer(TIMEOUT_SECONDS, process.kill)
            watchdog.start()
            try:
                for line in process.stderr:
                    lines.append(line)
                    if (match := PROMPT.search(line)) is not None:
                        assert left, "".join(lines)
                        self._page.goto(match[1])
                        left.pop(0)(self._page)
                output = process.stdout.read()
            finally:
                watchdog.cancel()
                process.kill()
        assert not left, "".join(lines)[-4000:]
        assert output, "".join(lines)[-4000:]
        return json.loads(output)


@pytest.fixture
def url(place: Place, workspace: Path, redis_server: ThrowAwayRedis) -> str:  # noqa: F811
    """The endpoint of an application whose users sign in."""
    specimens = workspace / "tests" / "specimens"
    shutil.copy(specimens / "agency" / "actionhero.toml", place.folder)
    place.enabled = []
    running = place.start(
        "start",
        PYTHONPATH=os.fspath(specimens),
        REDIS_URL=redis_server.url,
        ACTIONHERO_WEB__PORT=str(free_port()),
    )
    return running.wait_for(r"MCP +(http://127\.0\.0\.1:\d+/mcp)")[1]


@pytest.fixture
def page(program: Callable[[str], str]) -> Iterator[Page]:
    """The browser of the user."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield chromium.new_page()
        chromium.close()


def sign_in(page: Page) -> None:
    """Sign in as Ada, and allow the request."""
    page.fill("#name", "ada")
    page.click("button:has-text('Sign in')")
    allow(page)


def allow(page: Page) -> None:
    """Allow the request, of which the consent page says what it is."""
    page.wait_for_selector("text=You are signed in as ada")
    page.wait_for_selector("text=This application has named itself")
    page.click("button:has-text('Allow')")
    page.wait_for_url("http://127.0.0.1:*/oauth/callback?*")


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_signs_in_and_calls_tools(
    tmp_path: Path, url: str, page: Page, era: str
) -> None:
    inspector = Inspector(tmp_path, url, page)
    call = ("--protocol-era", era, "--method", "tools/call", "--tool-name")

    written = inspector.run(*call, "room-write", "--tool-arg", "user=ada", visits=[sign_in])
    me = inspector.run(*call, "me", "--stored-auth-only", visits=[])
    again = inspector.run(*call, "me", "--relogin", visits=[allow])

    assert not written.get("isError"), written
    assert me["structuredContent"] == again["structuredContent"] == {"user": "ada"}
