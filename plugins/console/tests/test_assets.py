"""The scripts and styles of the console, and those of all pages of operators."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from actionhero_web import operators

FOLDERS = [
    Path(__file__).parents[1] / "src" / "actionhero_console" / "assets",
    Path(operators.__file__).parent / "kit",
]


def files(pattern: str) -> list[Path]:
    """Return the files of a pattern."""
    return sorted(path for folder in FOLDERS for path in folder.rglob(pattern))


def test_all_scripts_are_small() -> None:
    """Less than 40 KB, compressed."""
    scripts = b"".join(path.read_bytes() for path in files("*.js"))

    assert len(gzip.compress(scripts)) < 40_000


def test_nothing_is_inserted_as_html_and_nothing_is_loaded_from_elsewhere() -> None:
    """The page is built from elements and texts."""
    assert len(files("*.js")) > 10
    for path in files("*.*"):
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert "http://" not in text
        assert "https://" not in text
