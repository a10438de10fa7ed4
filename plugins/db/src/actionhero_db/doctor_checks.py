"""What `actionhero doctor` says of the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero import PluginError
from actionhero.transport import Diagnosis, Finding
from actionhero_db.choice import choose
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_db.url import DatabaseUrl


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return which database is in use; for production also how the server is set up."""
    if app.settings_are_wrong:
        return []
    try:
        models = models_of(app)
    except PluginError:
        # Told already: it keeps the application from starting.
        return []
    url = choose(app)
    if not models:
        return [Diagnosis("db.url", Finding.OK, "no plugin has models, so none is used")]
    if not deploy:
        return [Diagnosis("db.url", Finding.OK, str(url))]
    if url.dialect is Dialect.SQLITE:
        message = f"{url}: no other machine can use it; set DATABASE_URL to a server that all share"
        return [Diagnosis("db.url", Finding.WARNING, message)]
    found = [Diagnosis("db.url", Finding.OK, str(url))]
    if url.dialect is Dialect.POSTGRES:
        found += asyncio.run(_server(app, url))
    return found


async def _server(app: Application, url: DatabaseUrl) -> list[Diagnosis]:
    import asyncpg  # type: ignore[import-untyped]

    settings = app.get(DbSettings)
    wanted = ("host", "port", "user", "password", "database", "ssl")
    given = {name: url.credentials[name] for name in wanted if name in url.credentials}
    try:
        connection = await asyncpg.connect(
            **given, timeout=settings.connect_timeout.total_seconds()
        )
    except (OSError, asyncpg.PostgresError) as error:
        return [Diagnosis("db.server", Finding.FAILED, f"cannot be reached: {error}")]
    try:
        return [
            _commits(await connection.fetchval("SHOW synchronous_commit")),
            _room(int(await connection.fetchval("SHOW max_connections")), settings.pool_max, app),
        ]
    finally:
        await connection.close()


def _commits(value: str) -> Diagnosis:
    if value == "off":
        message = "is off: what was committed last is lost when the server ends; set it to on"
        return Diagnosis("db.synchronous_commit", Finding.WARNING, message)
    return Diagnosis("db.synchronous_commit", Finding.OK, value)


def _room(limit: int, pool: int, app: Any) -> Diagnosis:
    # The section of the HTTP server is known by its name only.
    sections = {section.section: section for section in app.settings}
    workers = int(getattr(sections.get("web"), "workers", 1))
    wanted = workers * pool
    if wanted > limit:
        message = (
            f"{workers} processes with {pool} connections each are more than the {limit} that the "
            "server allows; lower db.pool_max, or raise max_connections"
        )
        return Diagnosis("db.pool_max", Finding.WARNING, message)
    return Diagnosis("db.pool_max", Finding.OK, f"{wanted} of {limit} connections")
