"""`Pages`: the HTML pages for users, from templates without scripts."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web

from actionhero import PluginError
from actionhero.transport import name_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ASSETS: Final = Path(__file__).parent / "assets"
#: The pages that a plugin may replace.
NAMES: Final = ("sign_in", "sign_up", "consent", "connections", "error")


class PageTemplate(NamedTuple):
    """A template in place of a page."""

    #: The name of the page: `sign_in`, `sign_up`, `consent`, `connections` or `error`.
    page: str
    #: A template of `string.Template`, with the placeholders of the one that it replaces.
    text: str


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


class Pages:
    """The pages of one application.

    Args:
        name: The name of the application.
        base: The path of the endpoints, as browsers see it.
        own: Templates in place of those of the package.

    Raises:
        PluginError: A template has an unknown name, or is invalid.
    """

    def __init__(self, name: str, base: str, own: Iterable[PageTemplate]) -> None:
        self._always = {"app": html.escape(name), "base": html.escape(base)}
        self._templates = {
            page: Template((ASSETS / f"{page}.html").read_text())
            for page in (*NAMES, "hop", "return")
        }
        self._frame = Template((ASSETS / "frame.html").read_text())
        for page, text in own:
            if page not in NAMES:
                raise PluginError(
                    f"actionhero_oauth_pages has the unknown page {page!r}; "
                    f"{name_hint(page, NAMES)}"
                )
            template = Template(text)
            if not template.is_valid():
                raise PluginError(
                    f"the template of the page {page!r} has an invalid placeholder; write $$ for $"
                )
            self._templates[page] = template

    def render(
        self,
        page: str,
        title: str,
        values: Mapping[str, Any],
        *,
        status: int = 200,
        form_targets: str = "",
        refresh: str = "",
    ) -> web.Response:
        """Return the response with a page.

        Args:
            page: The name of the template.
            title: The title.
            values: The values of its placeholders, escaped unless they are `Markup`.
            status: The HTTP status.
            form_targets: The origins that a form may lead to, besides ours.
            refresh: A path that the browser opens at once.
        """
        escaped = self._always | {
            key: value if isinstance(value, Markup) else html.escape(str(value))
            for key, value in values.items()
        }
        body = self._templates[page].safe_substitute(escaped)
        meta = f'<meta http-equiv="refresh" content="0;url={html.escape(refresh)}">'
        document = self._frame.substitute(
            self._always,
            title=html.escape(title),
            meta=meta if refresh else "",
            body=body,
        )
        policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"frame-ancestors 'none'; form-action 'self' {form_targets}".rstrip()
        )
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
        }
        return web.Response(text=document, status=status, content_type="text/html", headers=headers)

    def error(self, message: str, status: int = 400) -> web.Response:
        """Return the page of an error that the user sees, as a sentence."""
        sentence = f"{message[:1].upper()}{message[1:].removesuffix('.')}."
        return self.render("error", "Something is wrong", {"message": sentence}, status=status)
