"""Writes screenshots of every panel of the console into a folder.

    python docs/screenshots.py FOLDER [URL]

Each panel, in the light and the dark scheme, 360 and 1440 pixels wide. Without the URL of a
console, the example application is started, in development and with an empty data folder.
"""

from __future__ import annotations

import contextlib
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
    from collections.abc import Iterator

WIDTHS = {360: 780, 1440: 900}
MAX_HEIGHT = 2400
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
        environ = {**os.environ, "PORT": str(port), "ACTIONHERO_APP__DATA_DIR": folder}
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


def make_calls(origin: str) -> None:
    """Call some actions."""
    for method, path in CALLS * 10:
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


def main() -> None:
    """Write the screenshots."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    given = contextlib.nullcontext(sys.argv[2]) if len(sys.argv) > 2 else example_application()
    with given as url, sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=program)
        make_calls(url.rpartition("/")[0])
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
