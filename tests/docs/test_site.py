"""The site as it is built: without a warning, without a network, and listed for machines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.docs.conftest import DOCS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: What a page would be fetched with, from somewhere else.
FETCHED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*stylesheet[^>]*//"
)
LISTED = re.compile(r"^- \[([^\]]+)\]\((\S+\.md)\): (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the site, built as `nox -s docs` does."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        # No address answers there: who wanted to fetch something would fail.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return folder


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    """Whoever reads it offline, or behind a strict policy, sees all of it."""
    pages = sorted(site.rglob("*.html"))

    assert len(pages) > 60
    assert [page for page in pages if FETCHED.search(page.read_text("utf-8"))] == []


def test_llms_txt_lists_every_page_once(site: Path) -> None:
    """As https://llmstxt.org asks: a title, a summary, and parts of links to Markdown."""
    text = (site / "llms.txt").read_text("utf-8")
    paths = [path for _, path, _ in LISTED.findall(text)]

    assert re.match(r"# ActionHero\n\n> .+\n\n## Begin\n\n- \[", text)
    assert sorted(paths) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    for line in text.splitlines()[4:]:
        assert not line or line.startswith("## ") or LISTED.match(line), line


def test_llms_txt_leads_to_the_pages_as_they_are_written(site: Path) -> None:
    """A machine reads Markdown, and all of it in one file if it likes."""
    whole = (site / "llms-full.txt").read_text("utf-8")
    written = (DOCS / "tutorial" / "live.md").read_text("utf-8").strip()

    assert (site / "tutorial" / "live.md").read_text("utf-8").strip() == written
    assert written in whole
    assert ":::" not in whole
