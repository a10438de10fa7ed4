"""`announce`: the lines after the start, with the URLs of the servers and commands to try."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from actionhero.settings import LoggerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero.application import Application

logger = logging.getLogger("actionhero.process")

#: The largest number of commands.
MAX_EXAMPLES = 3


def announce(app: Application, *, with_links: bool = True) -> None:
    """Write the announcements of the started servers to stderr; as log lines if these are JSON.

    In development, the URLs of their pages and commands to try follow.

    Args:
        app: The started application.
        with_links: Whether these follow; not after each restart.
    """
    lines = [line for server in app.servers for line in server.announcement()]
    settings = app.get(LoggerSettings)
    if settings.resolve_format(app.environment, is_terminal=sys.stderr.isatty()) == "json":
        for line in lines:
            logger.info("%s", line)
        return
    if with_links and app.environment == "development":
        lines += _links(app)
        lines += _examples(app)
    for line in lines:
        click.echo(line, err=True)


def _links(app: Application) -> Iterator[str]:
    """Yield a line for each URL; one that several servers have is listed once."""
    labels: dict[str, str] = {}
    for server in app.servers:
        for link in server.links():
            labels.setdefault(link.url, link.label)
    width = max(map(len, labels.values()), default=0)
    if labels:
        yield ""
    for url, label in labels.items():
        yield f"  {label:<{width}}  {url}"


def _examples(app: Application) -> Iterator[str]:
    examples = [example for server in app.servers for example in server.examples()]
    if examples:
        yield from ("", "Try:")
    for example in examples[:MAX_EXAMPLES]:
        yield f"  {example}"
    yield ""
