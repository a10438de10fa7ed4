"""Tests of the built site: no warnings, no external resources, and a complete llms.txt."""

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

#: An HTML element that loads an external resource.
EXTERNAL = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*stylesheet[^>]*//"
)
ENTRY = re.compile(r"^- \[([^\]]+)\]\((\S+\.md)\): (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built like `nox -s docs`."""
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        # A proxy that does not exist, so that downloads fail.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (build.returncode, build.stdout, build.stderr) == (0, "", "")
    return folder


def test_pages_load_no_external_resources(site: Path) -> None:
    """Pages are complete offline, and under a strict content security policy."""
    pages = sorted(site.rglob("*.html"))

    assert len(pages) > 60
    assert [page for page in pages if EXTERNAL.search(page.read_text("utf-8"))] == []


def test_llms_txt_lists_each_page_once(site: Path) -> None:
    """The format is that of https://llmstxt.org: title, summary, sections with links."""
    text = (site / "llms.txt").read_text("utf-8")
    paths = [path for _, path, _ in ENTRY.findall(text)]

    assert re.match(r"# ActionHero\n\n> .+\n\n## Home\n\n- \[", text)
    assert sorted(paths) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    for line in text.splitlines()[4:]:
        assert not line or line.startswith("## ") or ENTRY.match(line), line


def test_site_contains_the_markdown_of_pages(site: Path) -> None:
    """Each page is available as Markdown, and all pages in one file."""
    full_text = (site / "llms-full.txt").read_text("utf-8")
    source = (DOCS / "tutorial" / "live.md").read_text("utf-8").strip()

    assert (site / "tutorial" / "live.md").read_text("utf-8").strip() == source
    assert source in full_text
    assert ":::" not in full_text
