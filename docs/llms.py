"""An MkDocs hook that writes `llms.txt`, see https://llmstxt.org, and the pages as Markdown.

It also ranks pages for the search: a guide before the reasons for its design.

The published plugins need a second list of the pages, or the URL of the site. This hook uses the
navigation, and its links are relative if the site has no URL.
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

#: How the search weighs pages that repeat the words of guides, by the start of their path.
SEARCH_BOOSTS = {"decisions/": 0.2, "reference/packages": 0.3, "reference/api": 0.3}
#: The first characters of lines that are not prose.
NOT_PROSE = ("#", "<!--", "|", "-", "$")

#: The Markdown of each page, by its path.
_markdown: dict[str, str] = {}
#: The pages in the order of the navigation, each with the title of its section.
_pages: list[tuple[str, Page]] = []


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Record the order of the pages."""
    _pages[:] = [(section_of(page), page) for page in nav.pages]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Record the Markdown of a page, and set its weight in the search."""
    for start, boost in SEARCH_BOOSTS.items():
        if page.file.src_uri.startswith(start):
            page.meta["search"] = {"boost": boost}
    _markdown[page.file.src_uri] = without_directives(markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Write the list of pages, all pages in one file, and each page next to its HTML."""
    site = Path(config.site_dir)
    head = f"# {config.site_name}\n\n> {config.site_description}\n"
    index, full = [head], [head]
    section = None
    for name, page in _pages:
        text = _markdown[page.file.src_uri]
        if name != section:
            section = name
            index.append(f"\n## {name}\n\n")
        path = page.file.src_uri
        index.append(f"- [{page.title}]({config.site_url or ''}{path}): {first_sentence(text)}\n")
        full.append(f"\n<!-- {path} -->\n\n{text.strip()}\n")
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    (site / "llms.txt").write_text("".join(index), encoding="utf-8")
    (site / "llms-full.txt").write_text("".join(full), encoding="utf-8")


def section_of(page: Page) -> str:
    """Return the title of the top section of a page; the home page has the section "Home"."""
    titles = [section.title for section in page.ancestors]
    return (titles[-1] if titles else None) or "Home"


def without_directives(markdown: str) -> str:
    """Return a page without the directives of mkdocstrings."""
    return re.sub(r"\n::: \S+\n", "", markdown)


def first_sentence(markdown: str) -> str:
    """Return the first line of prose of a page, with links as text."""
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    lines = (line.strip() for line in prose.splitlines())
    first = next((line for line in lines if line and not line.startswith(NOT_PROSE)), "")
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", first)
