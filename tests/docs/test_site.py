"""Tests of the built site: no warnings, no external resources, search, and llms.txt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright
from tests.docs.conftest import DOCS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

#: An HTML element that loads an external resource.
EXTERNAL = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*stylesheet[^>]*//"
)
ENTRY = re.compile(r"^- \[([^\]]+)\]\((\S+\.md)\): (.+)$", re.MULTILINE)

#: The first result of the search for words that users of other frameworks know.
FIRST_RESULTS = {
    "authentication": "how-to/authentication/",
    "login": "how-to/sessions/",
    "JWT": "how-to/api-keys/",
    "retry": "how-to/tasks/",
    "dependency injection": "how-to/dependency-injection/",
    "rate limit": "how-to/rate-limits/",
    "hot reload": "how-to/debugging/",
    "CORS": "how-to/proxies/",
    "CSRF": "how-to/cross-site-requests/",
    "cron": "how-to/schedules/",
    "upload": "how-to/files/",
    "static files": "how-to/files/",
    "websocket": "how-to/websocket/",
    "docker": "deploy/containers/",
    "migrations": "how-to/database/",
    "swagger": "how-to/openapi/",
    "middleware": "how-to/middleware/",
    "validation": "how-to/inputs/",
    "exception handler": "how-to/errors/",
    "background tasks": "how-to/tasks/",
    "environment variables": "how-to/settings/",
    "cache": "how-to/caching/",
    "pagination": "how-to/pagination/",
    "api key": "how-to/api-keys/",
    "oauth": "how-to/oauth/",
    "MCP": "how-to/agents/",
    "testing": "how-to/test-an-action/",
    "logging": "how-to/logs/",
    "nginx": "deploy/nginx/",
    "kubernetes": "deploy/kubernetes/",
    "https": "deploy/https/",
    "templates": "how-to/templates/",
    "threads": "how-to/cpu-bound-work/",
    "startup": "how-to/initializers/",
    "SSE": "how-to/server-sent-events/",
    "quickstart": "tutorial/",
    "GraphQL": "reference/faq/",
    "gRPC": "reference/faq/",
    "WSGI": "reference/faq/",
    "type checking": "how-to/type-checking/",
    "mypy": "how-to/type-checking/",
    "lifespan": "how-to/initializers/",
    "settings": "how-to/settings/",
    "dotenv": "how-to/settings/",
    "schedule": "how-to/schedules/",
    "OpenAPI": "how-to/openapi/",
    "versioning": "how-to/routes/",
    "trailing slash": "how-to/routes/",
    "cookies": "how-to/inputs/",
    "headers": "how-to/inputs/",
    "permission": "how-to/authentication/",
    "roles": "how-to/api-keys/",
    "guard": "how-to/authentication/",
    "transaction": "how-to/database/",
    "rollback": "how-to/database/",
    "timeout": "how-to/errors/",
    "graceful shutdown": "how-to/deploy/",
    "scaling": "how-to/deploy/",
    "workers": "how-to/workers/",
    "health check": "how-to/health/",
    "metrics": "how-to/metrics/",
    "tracing": "how-to/traces/",
    "plugin": "how-to/write-a-plugin/",
    "streaming": "how-to/streaming/",
    "backpressure": "how-to/streaming/",
    "cancel": "how-to/tasks/",
    "rooms": "how-to/channels/",
    "consumer": "how-to/websocket/",
    "dead letter": "how-to/tasks/",
    "priority": "how-to/tasks/",
    "result backend": "how-to/tasks/",
    "progress": "how-to/tasks/",
    "elicitation": "how-to/agents/",
    "typer": "how-to/command-line/",
    "shell completion": "how-to/command-line/",
    "download": "how-to/files/",
    "redirect": "how-to/files/",
    "status code": "how-to/errors/",
    "response model": "how-to/results/",
    "query parameters": "how-to/inputs/",
    "dataclass": "how-to/results/",
    "jinja": "how-to/templates/",
    "fixture": "how-to/test-with-pytest/",
    "compression": "how-to/caching/",
    "deployment": "how-to/deploy/",
    "react": "how-to/javascript-client/",
    "blocking": "how-to/cpu-bound-work/",
    "mount": "how-to/deploy/",
    "brute force": "how-to/rate-limits/",
    "password": "how-to/sessions/",
    "XSS": "how-to/proxies/",
    "load balancer": "deploy/nginx/",
    "reconnect": "how-to/javascript-client/",
}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    """Return the URL of the site."""
    handler = partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """Return a browser."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


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


def test_site_contains_no_build_scripts(site: Path) -> None:
    """Those of the folder of the pages."""
    assert not list(site.glob("*.py"))


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


def test_search_finds_the_page_of_a_topic_first(url: str, browser: Browser) -> None:
    """Also for words that a page does not contain."""
    page = browser.new_page()
    page.goto(url)
    query = page.locator("[data-md-component=search-query]")
    query.click()
    results = page.locator(".md-search-result__item > a")
    first = {}
    for words in FIRST_RESULTS:
        query.fill("")
        # The search begins when a key is released.
        query.press("End")
        results.first.wait_for(state="detached")
        query.fill(words)
        query.press("End")
        results.first.wait_for()
        first[words] = (results.first.get_attribute("href") or "").partition("?")[0]

    assert first == {words: url + path for words, path in FIRST_RESULTS.items()}


def test_copied_commands_contain_neither_prompts_nor_output(url: str, browser: Browser) -> None:
    """A copied console block can be pasted into a terminal."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{url}how-to/sessions/")
    console = page.locator(".highlight", has=page.locator(".go")).first
    console.locator("[data-md-type=copy]").click()

    assert "listens on" in console.inner_text()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "actionhero --app members start"


@pytest.mark.parametrize("path", ["", "how-to/database/", "reference/settings/"])
def test_pages_fit_the_screen_of_a_phone(url: str, browser: Browser, path: str) -> None:
    """Wide tables and code scroll in their own box."""
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(url + path)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
