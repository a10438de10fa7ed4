"""The URL of the database, and the other settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actionhero import ConfigurationError, PluginError
from actionhero.testing import running_app
from actionhero_db import DbSettings, plugin
from actionhero_db.url import DatabaseUrl, Dialect


@pytest.mark.parametrize(
    ("text", "dialect", "credentials"),
    [
        (
            "postgres://ada:p%40ss@db.example:6543/notes?sslmode=require",
            Dialect.POSTGRES,
            {
                "host": "db.example",
                "port": 6543,
                "user": "ada",
                "password": "p@ss",
                "database": "notes",
                "ssl": "require",
            },
        ),
        (
            "postgresql://localhost/notes?ssl=false",
            Dialect.POSTGRES,
            {
                "host": "localhost",
                "port": 5432,
                "user": None,
                "password": None,
                "database": "notes",
                "ssl": False,
            },
        ),
        ("sqlite:///srv/notes.sqlite3", Dialect.SQLITE, {"file_path": "/srv/notes.sqlite3"}),
        ("sqlite://notes.sqlite3", Dialect.SQLITE, {"file_path": "/app/notes.sqlite3"}),
        (
            "mysql://ada@localhost/notes",
            Dialect.MYSQL,
            {
                "host": "localhost",
                "port": 3306,
                "user": "ada",
                "password": None,
                "database": "notes",
            },
        ),
    ],
)
def test_a_url_is_parsed(text: str, dialect: Dialect, credentials: dict[str, Any]) -> None:
    """Servers have a host, files a path; relative paths start from the settings file."""
    url = DatabaseUrl.parse(text, Path("/app"))

    assert url.dialect is dialect
    assert url.credentials == credentials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mongodb://localhost/x", "its scheme is not supported; available: postgres://"),
        ("postgres://localhost:port/x", "it is not a URL; available: postgres://"),
        ("postgres://localhost", "it does not name a database; add the name after the host, as"),
        ("sqlite://", "it has no path of a file; use sqlite:///path/to/file.sqlite3"),
        ("sqlite://:memory:", "a database in memory is a different one for each process; use"),
        ("postgres://h/x?pool=3", "db.pool_timeout); available: application_name, "),
        ("postgres://h/x?statement_cache_size=a", "its option 'statement_cache_size' should be a"),
    ],
)
async def test_an_invalid_url_is_refused(text: str, message: str) -> None:
    """The message lists the valid forms."""
    with pytest.raises(PluginError) as raised:
        async with running_app(plugin, environ={"DATABASE_URL": text}):
            pass

    assert message in str(raised.value)
    assert "DATABASE_URL" in str(raised.value)


def test_a_password_is_masked() -> None:
    """Both in `str` and in `repr`."""
    url = DatabaseUrl.parse("postgres://ada:s3cret@localhost/notes")

    assert str(url) == "postgres://ada:******@localhost/notes"
    assert "s3cret" not in repr(url)
    assert "s3cret" not in repr(DbSettings(url=url))


async def test_a_minimum_pool_size_above_the_maximum_is_refused() -> None:
    """The message contains both numbers."""
    environ = {"ACTIONHERO_DB__POOL_MIN": "5", "ACTIONHERO_DB__POOL_MAX": "2"}

    with pytest.raises(PluginError, match="pool_min is 5 and pool_max is 2; set pool_min to no"):
        async with running_app(plugin, environ=environ):
            pass


async def test_production_needs_an_explicit_url(people: Any) -> None:
    """A default file would be lost with the machine."""
    with pytest.raises(PluginError) as raised:
        async with running_app(plugin, people, environ={"ACTIONHERO_ENV": "production"}):
            pass

    assert (
        "db.url is not set, and SQLite must be selected explicitly in production; set "
        "DATABASE_URL, such as postgres://user:password@host:5432/name, or sqlite:///"
    ) in str(raised.value)
    assert raised.value.exit_code == 78


async def test_production_accepts_an_explicit_file(people: Any, tmp_path: Path) -> None:
    """Missing tables are created only if `auto_migrate` is set."""
    environ = {
        "ACTIONHERO_ENV": "production",
        "DATABASE_URL": f"sqlite://{tmp_path / 'explicit.sqlite3'}",
    }

    with pytest.raises(ConfigurationError, match="pending: tables of 'models"):
        async with running_app(plugin, people, environ=environ):
            pass
    async with running_app(
        plugin, people, environ={**environ, "ACTIONHERO_DB__AUTO_MIGRATE": "true"}
    ):
        assert await people.Person.all().count() == 0
