"""The tutorial as a beginner goes through it: from an empty folder, page after page."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect
from tests.docs.conftest import DOCS, ROOT, TUTORIAL, blocks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.async_api import Page
    from tests.docs.conftest import Reader

STEPS = sorted((DOCS / "tutorial" / "guestbook").iterdir())
#: What a beginner has after a page that they have not written themselves.
WRITTEN_BY_PROGRAMS = {".venv", ".actionhero", "__pycache__", ".pytest_cache", "job.txt"}
PATIENCE_MS = 15_000

each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


def files_in(folder: Path) -> dict[str, str]:
    """Return the text of each file of a project, by its path."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix(): (folder / path).read_text("utf-8")
        for path in paths
        if not WRITTEN_BY_PROGRAMS & set(path.parts)
    }


def test_each_page_leads_to_the_files_beside_it() -> None:
    """What the pages show is what checkers see, and what can be downloaded after each page."""
    written: dict[str, str] = {}

    for page, step in zip(TUTORIAL, STEPS, strict=True):
        written |= {block.title: block.text for block in blocks_of(page) if block.title}
        kept = {path: text for path, text in files_in(step).items() if "migrations" not in path}
        assert written == kept, page.name


@pytest.mark.timeout(600)
async def test_who_follows_the_tutorial_gets_what_it_shows(
    reader: Reader, program: Callable[[str], str]
) -> None:
    """From an empty folder to the last page; the page of the book is opened in a real browser."""
    for page, step in zip(TUTORIAL, STEPS, strict=True):
        reader.play(blocks_of(page))
        assert files_in(reader.folder) == files_in(step)
        if page.stem == "live":
            await look_at(reader, program("chromium"))


async def look_at(reader: Reader, chromium: str) -> None:
    """Open the book in two windows, sign it in one, and stop and start the server."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = [await browser.new_page(), await browser.new_page()]
        mistakes: list[str] = []
        for page in pages:
            page.on("pageerror", lambda error: mistakes.append(str(error)))
            await page.goto(reader.url)
            await expect(page.get_by_role("status")).to_have_text("Connected", timeout=PATIENCE_MS)
        await sign(pages[0], "Hello, Ada!", "Mary")
        for page in pages:
            await shows(page, ["Hello, Ada! (Mary)", "Indeed! (Grace)", "A nice view! (Ada)"])
        # Who stays on the page follows the next server too.
        reader.start_again()
        for page in pages:
            await expect(page.get_by_role("status")).to_have_text("Connected", timeout=PATIENCE_MS)
        await sign(pages[1], "Still here?", "Joan")
        for page in pages:
            await shows(page, ["Still here? (Joan)", "Hello, Ada! (Mary)"])
        assert mistakes == []
        await browser.close()


async def sign(page: Page, text: str, name: str) -> None:
    """Write in the book."""
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Text").fill(text)
    await page.get_by_role("button", name="Sign").click()


async def shows(page: Page, newest: list[str]) -> None:
    """Wait until the newest entries are these."""
    for place, text in enumerate(newest):
        entry = page.get_by_role("listitem").nth(place)
        await expect(entry).to_have_text(text, timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder in which mypy keeps what it has learnt of the libraries."""
    return tmp_path_factory.mktemp("mypy")


@each_step
def test_mypy_finds_no_fault_in_a_step(step: Path, cache: Path) -> None:
    """It is checked as strictly as a user may."""
    arguments = ("--strict", "--config-file=", f"--cache-dir={cache}", ".")

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=step, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_pyright_finds_no_fault_in_any_step() -> None:
    """The other checker that a user may have."""
    arguments = ("--level", "error", "--pythonpath", sys.executable, DOCS / "tutorial")
    checked = subprocess.run(
        [sys.executable, "-m", "basedpyright", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
