"""The checks of `actionhero doctor` for the HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import Diagnosis, Finding
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the diagnoses: the HTTP parser, and for deployment the exposed settings."""
    diagnoses = [_check_parser()]
    settings = app.get(WebSettings)
    if deploy and not settings.allowed_hosts:
        diagnoses.append(
            Diagnosis(
                "web.allowed_hosts",
                Finding.WARNING,
                "is empty, so requests for any host are handled; list the names of this server, "
                "or set ['*'] if a proxy checks the header Host",
            )
        )
    if deploy and "*" in settings.allowed_origins:
        diagnoses.append(
            Diagnosis(
                "web.allowed_origins",
                Finding.WARNING,
                "pages of every origin may read responses; list your own origins",
            )
        )
    if deploy and settings.reload:
        diagnoses.append(
            Diagnosis("web.reload", Finding.WARNING, "is enabled; use it in development only")
        )
    return diagnoses


def _check_parser() -> Diagnosis:
    from aiohttp import http_parser

    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        return Diagnosis(
            "web.parser",
            Finding.WARNING,
            "aiohttp's C parser is not in use, and requests take about 50 % more time; install a "
            "wheel of aiohttp for this platform, or unset AIOHTTP_NO_EXTENSIONS",
        )
    return Diagnosis("web.parser", Finding.OK, "aiohttp's C parser")
