"""Tests of the tutorial: its pages in order, from an empty folder, and its files."""

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
    from tests.docs.conftest import PageRunner

STEPS = sorted((DOCS / "tutorial" / "guestbook").iterdir())
#: Files and folders that are created by programs.
GENERATED_NAMES = {".venv", ".actionhero", "__pycache__", ".pytest_cache", "job.txt"}
TIMEOUT_MS = 15_000

each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


def files_in(folder: Path) -> dict[str, str]:
    """Return the text of each file of a project, by its path."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix(): (folder / path).read_text("utf-8")
        for path in paths
        if not GENERATED_NAMES & set(path.parts)
    }


def test_pages_result_in_the_committed_files() -> None:
    """The files on the pages are those in docs/tutorial/guestbook, which are type-checked."""
    page_files: dict[str, str] = {}

    for page, step in zip(TUTORIAL, STEPS, strict=True):
        page_files |= {block.title: block.text for block in blocks_of(page) if block.title}
        step_files = {
            path: text for path, text in files_in(step).items() if "migrations" not in path
        }
        assert page_files == step_files, page.name


@pytest.mark.timeout(600)
async def test_tutorial_runs_as_shown(runner: PageRunner, program: Callable[[str], str]) -> None:
    """All pages run in order, and the guest book is opened in a browser."""
    for page, step in zip(TUTORIAL, STEPS, strict=True):
        runner.run_all(blocks_of(page))
        assert files_in(runner.folder) == files_in(step)
        if page.stem == "live":
            await check_live_page(runner, program("chromium"))
        # It starts again after changes, and would do what the next page does by a command.
        runner.stop()


async def check_live_page(runner: PageRunner, chromium: str) -> None:
    """Open the guest book in two windows, add entries, and restart the server."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = [await browser.new_page(), await browser.new_page()]
        errors: list[str] = []
        for page in pages:
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(runner.url)
            await expect(page.get_by_role("status")).to_have_text("Connected", timeout=TIMEOUT_MS)
        await add_entry(pages[0], "Hello, Ada!", "Mary")
        for page in pages:
            await expect_newest(
                page, ["Hello, Ada! (Mary)", "Indeed! (Grace)", "A nice view! (Ada)"]
            )
        # Open pages reconnect after a restart.
        runner.restart_server()
        for page in pages:
            await expect(page.get_by_role("status")).to_have_text("Connected", timeout=TIMEOUT_MS)
        await add_entry(pages[1], "Still here?", "Joan")
        for page in pages:
            await expect_newest(page, ["Still here? (Joan)", "Hello, Ada! (Mary)"])
        assert errors == []
        await browser.close()


async def add_entry(page: Page, text: str, name: str) -> None:
    """Add an entry with the form of the page."""
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Text").fill(text)
    await page.get_by_role("button", name="Sign").click()


async def expect_newest(page: Page, texts: list[str]) -> None:
    """Wait until the newest entries have these texts."""
    for index, text in enumerate(texts):
        entry = page.get_by_role("listitem").nth(index)
        await expect(entry).to_have_text(text, timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cache folder of mypy."""
    return tmp_path_factory.mktemp("mypy")


@each_step
def test_mypy_accepts_each_step(step: Path, mypy_cache: Path) -> None:
    """The code passes mypy in strict mode."""
    arguments = ("--strict", "--config-file=", f"--cache-dir={mypy_cache}", ".")

    run = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=step, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_pyright_accepts_all_steps() -> None:
    """The code passes basedpyright."""
    arguments = ("--level", "error", "--pythonpath", sys.executable, DOCS / "tutorial")
    run = subprocess.run(
        [sys.executable, "-m", "basedpyright", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
