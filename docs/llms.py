"""A hook of MkDocs: writes `llms.txt`, as https://llmstxt.org asks, and the pages as Markdown.

The published plugins want the pages listed a second time, or an address that the site must have.
This one goes by the navigation, and its links lead to wherever the site lies.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation
    from mkdocs.structure.pages import Page

#: What a line begins with that is no sentence.
NO_SENTENCE = ("#", "<!--", "|", "-", "$")

#: Each page's Markdown as it is written, by its path.
_written: dict[str, str] = {}
#: The pages in the order of the navigation, with the part that each is in.
_order: list[tuple[str, Page]] = []


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Take note of the order of the pages."""
    _order[:] = [(part_of(page), page) for page in nav.pages]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Take note of what a page says."""
    _written[page.file.src_uri] = without_directives(markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Write the list, all pages in one file, and each page beside its HTML."""
    site = Path(config.site_dir)
    head = f"# {config.site_name}\n\n> {config.site_description}\n"
    listed, whole = [head], [head]
    part = None
    for name, page in _order:
        text = _written[page.file.src_uri]
        if name != part:
            part = name
            listed.append(f"\n## {name}\n\n")
        path = page.file.src_uri
        listed.append(f"- [{page.title}]({config.site_url or ''}{path}): {first_sentence(text)}\n")
        whole.append(f"\n<!-- {path} -->\n\n{text.strip()}\n")
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    (site / "llms.txt").write_text("".join(listed), encoding="utf-8")
    (site / "llms-full.txt").write_text("".join(whole), encoding="utf-8")


def part_of(page: Page) -> str:
    """Return the part of the navigation that a page is in; the front page begins."""
    titles = [section.title for section in page.ancestors]
    return (titles[-1] if titles else None) or "Begin"


def without_directives(markdown: str) -> str:
    """Return a page without the lines that stand for what is read from the source."""
    return re.sub(r"\n::: \S+\n", "", markdown)


def first_sentence(markdown: str) -> str:
    """Return the first line of prose of a page, its links as text."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    lines = (line.strip() for line in prose.splitlines())
    first = next((line for line in lines if line and not line.startswith(NO_SENTENCE)), "")
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", first)
