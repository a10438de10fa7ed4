"""Tests of the screenshots in the documentation, and of the script that writes them."""

from __future__ import annotations

import runpy
import struct
import urllib.request

import pytest
from tests.docs.conftest import DOCS, ROOT

SCRIPT = runpy.run_path(str(DOCS / "screenshots.py"))
FOLDER = DOCS / "assets" / "screenshots"
MAX_BYTES = 120_000

each_picture = pytest.mark.parametrize("name", SCRIPT["PAGES"])


@each_picture
def test_a_screenshot_has_the_size_of_the_window(name: str) -> None:
    """The picture is 1280 by 800 pixels, and does not slow down the page that shows it."""
    data = (FOLDER / f"{name}.png").read_bytes()

    # The chunk IHDR of PNG, RFC 2083, 4.1.1.
    width, height = struct.unpack(">II", data[16:24])

    assert {"width": width, "height": height} == SCRIPT["PICTURE"]
    assert len(data) <= MAX_BYTES


@each_picture
def test_a_screenshot_is_shown(name: str) -> None:
    """README and landing page show each picture."""
    assert f"](docs/assets/screenshots/{name}.png)" in (ROOT / "README.md").read_text("utf-8")
    assert f"](assets/screenshots/{name}.png)" in (DOCS / "index.md").read_text("utf-8")


def test_no_screenshot_is_left_over() -> None:
    """The folder has the pictures that the script writes, and no others."""
    assert {path.stem for path in FOLDER.iterdir()} == set(SCRIPT["PAGES"])


def test_the_pages_of_the_screenshots_exist() -> None:
    """The application that the script starts has a page at each address."""
    with SCRIPT["example_application"]() as console:
        origin = console.rpartition("/")[0]
        titles = {}
        for name, address in SCRIPT["PAGES"].items():
            with urllib.request.urlopen(origin + address) as response:
                titles[name] = response.read().decode().partition("<title>")[2].partition("<")[0]

    assert titles == {"chat": "Chat", "console": "Console · Chat", "docs": "Chat"}
