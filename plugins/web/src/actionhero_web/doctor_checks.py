"""The checks of `actionhero doctor` for the HTTP server."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from actionhero.transport import Diagnosis, Finding, is_loopback
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application

#: The largest networks of proxies, as the length of their prefix.
_MIN_PREFIX_LENGTH = {4: 8, 6: 32}


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the diagnoses: the parser, the socket, and for deployment the exposed settings."""
    settings = app.get(WebSettings)
    return [
        _check_parser(),
        *_check_unix_socket(settings),
        *(_check_deployment(app, settings) if deploy else ()),
    ]


def _check_deployment(app: Application, settings: WebSettings) -> Iterator[Diagnosis]:
    """Yield a warning for each unsafe setting."""
    if not settings.allowed_hosts:
        yield _warning(
            "allowed_hosts",
            "is empty, so requests for any host are handled; list the names of this server, or set "
            "['*'] if a proxy checks the header Host",
        )
    if "*" in settings.allowed_origins:
        yield _warning(
            "allowed_origins",
            "pages of every origin may read responses; list your own origins",
        )
    if not settings.cross_origin_protection:
        yield _warning(
            "cross_origin_protection",
            "is disabled, so pages of other sites may act with the session of their visitor; "
            "remove the setting, and list the origins that need sessions in web.trusted_origins",
        )
    exempt = sorted(a.name for a in app.actions if a.attribute("cross_origin") is True)
    if exempt and settings.cross_origin_protection:
        yield _warning(
            "cross_origin",
            f"pages of every site may call {', '.join(exempt)} with the session of their visitor; "
            "check that this is intended",
        )
    for name in ("allowed_origins", "trusted_origins"):
        if plain := [item for item in getattr(settings, name) if item.startswith("http:")]:
            yield _warning(
                name,
                f"others in the network can change the pages of {', '.join(plain)}; use https",
            )
    yield from _check_proxies(settings)
    if not settings.strict_transport_security:
        yield _warning(
            "strict_transport_security",
            "is empty, so browsers may use connections without TLS; remove the setting",
        )
    if settings.reload:
        yield _warning("reload", "is enabled; use it in development only")


def _check_proxies(settings: WebSettings) -> Iterator[Diagnosis]:
    wide = [text for text in settings.trusted_proxies if _is_wide(text)]
    if wide:
        yield _warning(
            "trusted_proxies",
            f"{', '.join(wide)} includes clients, which could forge their address; list the "
            "addresses of the proxies only",
        )
    if not settings.trusted_proxies:
        # The server has no TLS of its own.
        remedy = "list the proxy that terminates TLS, or 'unix' for its Unix socket"
        if settings.unix_socket is not None or is_loopback(settings.host):
            problem = "so all clients have the address of the proxy"
        else:
            problem = "so requests to this server are sent without TLS"
        yield _warning("trusted_proxies", f"is empty, {problem}; {remedy}")


def _warning(name: str, message: str) -> Diagnosis:
    return Diagnosis(f"web.{name}", Finding.WARNING, message)


def _is_wide(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError:
        return False
    return network.prefixlen < _MIN_PREFIX_LENGTH[network.version]


def _check_unix_socket(settings: WebSettings) -> Iterator[Diagnosis]:
    path = settings.unix_socket
    if path is not None and not path.parent.is_dir():
        yield _warning(
            "unix_socket",
            f"the folder {str(path.parent)!r} does not exist; create it, unless the service "
            "manager does, as systemd for RuntimeDirectory",
        )


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
