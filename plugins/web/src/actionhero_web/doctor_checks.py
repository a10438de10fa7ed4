"""What `actionhero doctor` says of the HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import Diagnosis, Finding
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return what was found: the C parser, and in production what the network can reach."""
    found = [_parser()]
    settings = app.get(WebSettings)
    if deploy and "*" in settings.allowed_origins:
        found.append(
            Diagnosis(
                "web.allowed_origins",
                Finding.WARNING,
                "every page may read answers; list the origins of your own",
            )
        )
    if deploy and settings.reload:
        found.append(Diagnosis("web.reload", Finding.WARNING, "is on; it is for development alone"))
    return found


def _parser() -> Diagnosis:
    from aiohttp import http_parser

    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        return Diagnosis(
            "web.parser",
            Finding.WARNING,
            "aiohttp's C parser is not in use: requests cost half as much again; install a wheel "
            "of aiohttp for this platform, or unset AIOHTTP_NO_EXTENSIONS",
        )
    return Diagnosis("web.parser", Finding.OK, "aiohttp's C parser")
