"""Which database is used: read from one line of text, and refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actionhero import ConfigurationError, PluginError
from actionhero.testing import running_app
from actionhero_db import DbSettings, plugin
from actionhero_db.url import DatabaseUrl, Dialect


@pytest.mark.parametrize(
    ("text", "dialect", "facts"),
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
def test_a_url_says_where_the_database_is(
    text: str, dialect: Dialect, facts: dict[str, Any]
) -> None:
    """Servers by host, files by path; a relative one begins beside the settings file."""
    url = DatabaseUrl.parse(text, Path("/app"))

    assert url.dialect is dialect
    assert url.credentials == facts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mongodb://localhost/x", "its scheme is not one of ours; there are: postgres://"),
        ("postgres://localhost:port/x", "it is not a URL; there are: postgres://"),
        ("postgres://localhost", "it does not name a database; write it after the host, as in"),
        ("sqlite://", "it has no path of a file; write sqlite:///path/to/file.sqlite3"),
        ("sqlite://:memory:", "a database in memory is a different one for each process; write"),
        ("postgres://h/x?pool=3", "it has the option 'pool', which is not known; there are: "),
        ("postgres://h/x?statement_cache_size=a", "'statement_cache_size' is wrong: it should be"),
    ],
)
async def test_what_is_no_url_is_told(text: str, words: str) -> None:
    """The start is refused with what may be given."""
    with pytest.raises(PluginError) as refused:
        async with running_app(plugin, environ={"DATABASE_URL": text}):
            pass

    assert words in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)


def test_a_password_is_not_shown() -> None:
    """Neither as text nor in a traceback."""
    url = DatabaseUrl.parse("postgres://ada:s3cret@localhost/notes")

    assert str(url) == "postgres://ada:******@localhost/notes"
    assert "s3cret" not in repr(url)
    assert "s3cret" not in repr(DbSettings(url=url))


async def test_a_pool_that_is_larger_at_least_than_at_most_is_refused() -> None:
    """Both numbers are told."""
    environ = {"ACTIONHERO_DB__POOL_MIN": "5", "ACTIONHERO_DB__POOL_MAX": "2"}

    with pytest.raises(PluginError, match="pool_min is 5 and pool_max is 2; set pool_min to no"):
        async with running_app(plugin, environ=environ):
            pass


async def test_production_takes_no_file_that_nobody_chose(people: Any) -> None:
    """A database that was forgotten is not noticed before it is lost."""
    with pytest.raises(PluginError) as refused:
        async with running_app(plugin, people, environ={"ACTIONHERO_ENV": "production"}):
            pass

    assert (
        "db.url is not set, and in production a SQLite file is not taken unless it was chosen by "
        "hand; set DATABASE_URL, such as postgres://user:password@host:5432/name, or sqlite:///"
    ) in str(refused.value)
    assert refused.value.exit_code == 78


async def test_production_takes_a_file_that_was_chosen(people: Any, tmp_path: Path) -> None:
    """With its tables made by hand, or as here by a setting that says so."""
    environ = {
        "ACTIONHERO_ENV": "production",
        "DATABASE_URL": f"sqlite://{tmp_path / 'chosen.sqlite3'}",
    }

    with pytest.raises(ConfigurationError, match="lacks tables of 'label_people"):
        async with running_app(plugin, people, environ=environ):
            pass
    async with running_app(
        plugin, people, environ={**environ, "ACTIONHERO_DB__AUTO_MIGRATE": "true"}
    ):
        assert await people.Person.all().count() == 0
