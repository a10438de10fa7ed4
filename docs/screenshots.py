"""Writes screenshots of the example application.

    python docs/screenshots.py

The pictures of the documentation: chat, console and API page, with example data.

    python docs/screenshots.py FOLDER [URL]

Each panel of the console, in the light and the dark scheme, 360 and 1440 pixels wide. Without the
URL of a console, the example application is started.

It is started in development, with an empty data folder.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.sync_api import Browser, BrowserType, ViewportSize

WIDTHS = {360: 780, 1440: 900}
MAX_HEIGHT = 2400
#: The folder of the pictures of the documentation, and the addresses of their pages.
PICTURES = Path(__file__).parent / "assets" / "screenshots"
PAGES = {"chat": "/", "console": "/console", "docs": "/docs"}
PICTURE: ViewportSize = {"width": 1280, "height": 800}
#: How long calls are made for the plots of the console.
CALLS_SECONDS = 100.0
#: The users of the picture of the chat, and the messages that they write.
USERS = ("Grace", "Katherine", "Ada")
MESSAGES = [
    ("Grace", "Good morning! The new build is on the staging server."),
    ("Ada", "Thank you. I will try the import with the large file first."),
    ("Katherine", "The numbers of last night look right to me: 48,213 rows, no rejects."),
    ("Grace", "Then only the release notes are missing."),
    ("Ada", "I have a draft. Would you both read it before noon?"),
    ("Katherine", "Gladly, send it over."),
    ("Grace", "Me too. I can deploy at two, if nothing is in the way."),
    ("Ada", "Two is fine. I will watch the console meanwhile."),
]
#: Calls for the plots and the lists: method, path.
CALLS = [
    ("GET", "/api/status"),
    ("GET", "/api/hello?name=Ada"),
    ("PUT", "/api/session"),
    ("GET", "/api/x"),
]


@contextlib.contextmanager
def example_application() -> Iterator[str]:
    """Run the example application, and yield the URL of its console."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environ = {
            **os.environ,
            "PORT": str(port),
            "ACTIONHERO_APP__DATA_DIR": folder,
            "ACTIONHERO_APP__NAME": "Chat",
        }
        program = [sys.executable, "-m", "actionhero", "start"]
        with open(os.devnull, "w", encoding="utf-8") as null:
            process = subprocess.Popen(program, cwd=folder, env=environ, stderr=null, stdout=null)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/readyz")
            yield f"http://127.0.0.1:{port}/console"
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(url: str, seconds: float = 60) -> None:
    """Wait until a URL responds with success."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise SystemExit(f"{url} does not respond within {seconds:g} s")


def make_calls(origin: str, calls: Iterable[tuple[str, str]]) -> None:
    """Call some actions."""
    for method, path in calls:
        request = urllib.request.Request(origin + path, method=method)
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request):
            pass


def panels_of(page: Page, url: str) -> list[str]:
    """Return the addresses of all panels, and of the form of one action."""
    page.goto(url)
    page.locator("#navigation a").first.wait_for(state="attached")
    script = "[...document.querySelectorAll('#navigation a')].map((a) => a.getAttribute('href'))"
    addresses: list[str] = page.evaluate(script)
    page.goto(f"{url}#/actions")
    first = page.locator("#main tbody a").first
    first.wait_for()
    return [*addresses, first.get_attribute("href") or ""]


def take_pictures() -> None:
    """Write the pictures of the documentation."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with example_application() as url, sync_playwright() as playwright:
        origin = url.rpartition("/")[0]
        browser = launch(playwright.chromium)
        windows = {name: sign_up(browser, origin, name) for name in USERS}
        for name, text in MESSAGES:
            field = windows[name].get_by_label("Write a message")
            field.fill(text)
            field.press("Enter")
            expect(field).to_have_value("")
        for page in windows.values():
            expect(page.get_by_role("log").locator(".body")).to_have_count(len(MESSAGES))
        console = open_page(browser, origin + PAGES["console"])
        expect(console.locator("#connection")).to_have_attribute(
            "data-state", "connected", timeout=20_000
        )
        api = open_page(browser, origin + PAGES["docs"])
        api.locator("#operations-tag-message").evaluate("(tag) => tag.scrollIntoView()")
        windows["Ada"].get_by_label("Write a message").blur()
        make_calls_at_varying_rates(origin)
        for name, page in {"chat": windows["Ada"], "console": console, "docs": api}.items():
            page.screenshot(path=PICTURES / f"{name}.png")
        browser.close()


def launch(chromium: BrowserType) -> Browser:
    """Start the browser."""
    return chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"))


def open_page(browser: Browser, url: str) -> Page:
    """Open a page in a window of the size of the pictures, without cookies of the others."""
    page = browser.new_context(viewport=PICTURE, color_scheme="light").new_page()
    page.goto(url)
    return page


def sign_up(browser: Browser, origin: str, name: str) -> Page:
    """Open the chat, and sign up."""
    page = open_page(browser, origin + PAGES["chat"])
    page.get_by_role("button", name="Sign up instead").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(f"{name.lower()}@example.com")
    page.get_by_label("Password").fill("correct horse")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    return page


def make_calls_at_varying_rates(origin: str) -> None:
    """Call actions for as long as the plots of the console need, more and fewer each second."""
    end = time.monotonic() + CALLS_SECONDS
    while (left := end - time.monotonic()) > 0:
        make_calls(origin, CALLS[: 2 if int(left) % 15 else 4])
        time.sleep(0.1 + 0.15 * (1 + math.sin(left / 5)))


def main() -> None:
    """Write the pictures of the documentation, or those of all panels."""
    if len(sys.argv) < 2:
        take_pictures()
    else:
        take_panels(Path(sys.argv[1]), *sys.argv[2:3])


def take_panels(folder: Path, url: str | None = None) -> None:
    """Write the pictures of all panels of a console."""
    folder.mkdir(parents=True, exist_ok=True)
    given = contextlib.nullcontext(url) if url else example_application()
    with given as url, sync_playwright() as playwright:
        browser = launch(playwright.chromium)
        make_calls(url.rpartition("/")[0], CALLS * 10)
        time.sleep(11)
        addresses = panels_of(browser.new_page(), url)
        for scheme in ("light", "dark"):
            for width, height in WIDTHS.items():
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                for address in addresses:
                    page.goto(f"{url}{address}")
                    expect(page.locator("#connection")).to_have_attribute(
                        "data-state", "connected", timeout=20_000
                    )
                    page.wait_for_timeout(300)
                    name = address.strip("#/").replace("/", "-").partition("?")[0]
                    length = page.evaluate("document.documentElement.scrollHeight")
                    page.screenshot(
                        path=folder / f"{name}-{scheme}-{width}.png",
                        full_page=True,
                        clip={"x": 0, "y": 0, "width": width, "height": min(length, MAX_HEIGHT)},
                    )
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
