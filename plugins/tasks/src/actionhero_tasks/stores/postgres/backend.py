"""`PostgresBackend`: the store in PostgreSQL. Importing it does not import asyncpg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from actionhero.settings import AppSettings
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.stores.backend import StoreBackend

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.stores.store import JobStore


class PostgresBackend(StoreBackend):
    """Stores jobs in the PostgreSQL database of the application."""

    name: ClassVar[str] = "postgres"
    url_variable: ClassVar[str] = "DATABASE_URL"
    place: ClassVar[str] = "PostgreSQL"
    requirement: ClassVar[str] = "actionhero-tasks[postgres]"

    def unavailable_reason(self, app: Application) -> str | None:
        settings = _db_settings(app)
        if settings is None:
            return "actionhero-db is not installed, or in plugins.disabled"
        if not self.is_configured(app):
            return (
                "DATABASE_URL is not the URL of a PostgreSQL database; set it, such as "
                "postgres://user:password@host:5432/name"
            )
        return None

    def is_configured(self, app: Application) -> bool:
        url = getattr(_db_settings(app), "url", None)
        return url is not None and url.dialect == "postgres"

    def open(self, app: Application) -> JobStore:
        from actionhero_tasks.stores.postgres.schema import schema_name
        from actionhero_tasks.stores.postgres.store import PostgresStore

        db = _db_settings(app)
        settings = app.get(TasksSettings)
        return PostgresStore(
            connection_options(db.url.credentials),
            settings.postgres_schema or schema_name(app.get(AppSettings).name),
            result_ttl_ms=settings.result_ttl_ms,
            timeout_seconds=db.connect_timeout.total_seconds(),
        )


def connection_options(credentials: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `asyncpg.connect`, of those of a connection of actionhero-db."""
    names = ("host", "port", "user", "password", "database", "ssl", "statement_cache_size")
    options = {name: credentials[name] for name in names if credentials.get(name) is not None}
    application = credentials.get("application_name")
    if application is not None:
        options["server_settings"] = {"application_name": application}
    return options


def _db_settings(app: Application) -> Any:
    """Return the settings of actionhero-db, or `None` if it is not active."""
    # By name, because this package does not depend on actionhero-db.
    return app.settings.find("db")
