"""The checks of the database in `actionhero doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from actionhero import BootError, PluginError
from actionhero.transport import Diagnosis, Finding
from actionhero_db.configuration import database_url
from actionhero_db.database import Database
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_db.url import DatabaseUrl


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the database in use; for production also the configuration of its server."""
    if app.has_invalid_settings:
        return []
    try:
        models = models_of(app)
    except PluginError:
        # It is one of the problems of the application already.
        return []
    url = database_url(app)
    if not models:
        return [Diagnosis("db.url", Finding.OK, "unused: no plugin has models")]
    if not deploy:
        return [Diagnosis("db.url", Finding.OK, str(url))]
    if url.dialect is Dialect.SQLITE:
        message = f"{url}: other machines cannot use it; set DATABASE_URL to a shared server"
        diagnoses = [Diagnosis("db.url", Finding.WARNING, message)]
    else:
        diagnoses = [Diagnosis("db.url", Finding.OK, str(url))]
    if url.dialect is Dialect.POSTGRES:
        diagnoses += asyncio.run(_diagnose_server(app, url))
    return [*diagnoses, *asyncio.run(_diagnose_migrations(app))]


async def _diagnose_migrations(app: Application) -> list[Diagnosis]:
    from tortoise.exceptions import DBConnectionError

    from actionhero_db.migrations.engine import unknown_migrations
    from actionhero_db.migrations.factory import create_engine

    database = Database(database_url(app), models_of(app), app.get(DbSettings))
    try:
        states = await create_engine(database, app.get(DbSettings)).states()
    except DBConnectionError:
        # Reported by the check of the server.
        return []
    except BootError as error:
        return [Diagnosis("db.migrations", Finding.FAILED, str(error))]
    finally:
        await database.close()
    if unknown := unknown_migrations(states):
        return [Diagnosis("db.migrations", Finding.WARNING, "; ".join(unknown))]
    pending = [f"{state.label}.{state.name}" for state in states if not state.applied]
    settings = app.get(DbSettings)
    if pending and not settings.migrates_in(app.environment):
        message = f"pending: {', '.join(pending)}; run: actionhero db migrate"
        return [Diagnosis("db.migrations", Finding.FAILED, message)]
    return [Diagnosis("db.migrations", Finding.OK, f"{len(states) - len(pending)} applied")]


async def _diagnose_server(app: Application, url: DatabaseUrl) -> list[Diagnosis]:
    import asyncpg  # type: ignore[import-untyped]

    settings = app.get(DbSettings)
    names = ("host", "port", "user", "password", "database", "ssl")
    options = {name: url.credentials[name] for name in names if name in url.credentials}
    try:
        connection = await asyncpg.connect(
            **options, timeout=settings.connect_timeout.total_seconds()
        )
    except (OSError, asyncpg.PostgresError) as error:
        message = f"cannot be reached: {error}; start it, or correct DATABASE_URL"
        return [Diagnosis("db.server", Finding.FAILED, message)]
    try:
        max_connections = int(await connection.fetchval("SHOW max_connections"))
        return [
            _synchronous_commit(await connection.fetchval("SHOW synchronous_commit")),
            _pool_size(max_connections, settings.pool_max, app),
        ]
    finally:
        await connection.close()


def _synchronous_commit(value: str) -> Diagnosis:
    if value == "off":
        message = "is off: the last commits are lost when the server crashes; set it to on"
        return Diagnosis("db.synchronous_commit", Finding.WARNING, message)
    return Diagnosis("db.synchronous_commit", Finding.OK, value)


def _pool_size(max_connections: int, pool_max: int, app: Any) -> Diagnosis:
    # By name, because this package does not depend on actionhero-web.
    workers = int(getattr(app.settings.find("web"), "workers", 1))
    connections = workers * pool_max
    if connections > max_connections:
        message = (
            f"{workers} processes with {pool_max} connections each exceed the {max_connections} "
            "that the server allows; lower db.pool_max, or raise max_connections"
        )
        return Diagnosis("db.pool_max", Finding.WARNING, message)
    return Diagnosis("db.pool_max", Finding.OK, f"{connections} of {max_connections} connections")
