"""`DatabaseUrl`: the address of a database, parsed from a URL. It imports no driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from actionhero.transport import mask_url, name_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The supported URLs, for error messages.
FORMS: Final = (
    "postgres://user@host:5432/name, sqlite:///path/to/file.sqlite3, mysql://user@host:3306/name"
)


class Dialect(StrEnum):
    """The kinds of database. The value is also the name of Tortoise's connection.

    MariaDB is one of `MYSQL`. Two dialects must not share a connection name: Tortoise caches
    statements by it.
    """

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    MYSQL = "mysql"


_SCHEMES: Final[Mapping[str, Dialect]] = {
    "sqlite": Dialect.SQLITE,
    "postgres": Dialect.POSTGRES,
    "postgresql": Dialect.POSTGRES,
    "asyncpg": Dialect.POSTGRES,
    "mysql": Dialect.MYSQL,
    "mariadb": Dialect.MYSQL,
}
_PORTS: Final = {Dialect.POSTGRES: 5432, Dialect.MYSQL: 3306}


def _parse_tls(text: str) -> str | bool:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


#: The parameters of the query: the name of each in the driver, and its parser.
_OPTIONS: Final[Mapping[Dialect, Mapping[str, tuple[str, Callable[[str], Any]]]]] = {
    Dialect.SQLITE: {
        name: (name, str)
        for name in ("cache_size", "journal_mode", "journal_size_limit", "mmap_size", "synchronous")
    },
    Dialect.POSTGRES: {
        "application_name": ("application_name", str),
        "host": ("host", str),
        "max_inactive_connection_lifetime": ("max_inactive_connection_lifetime", float),
        "schema": ("schema", str),
        "ssl": ("ssl", _parse_tls),
        "sslmode": ("ssl", _parse_tls),
        "statement_cache_size": ("statement_cache_size", int),
    },
    Dialect.MYSQL: {
        "charset": ("charset", str),
        "pool_recycle": ("pool_recycle", int),
        "ssl": ("ssl", _parse_tls),
        "storage_engine": ("storage_engine", str),
    },
}


@dataclass(frozen=True)
class DatabaseUrl:
    """The address of a database. `str` and `repr` mask the password."""

    #: The URL as written, with its password.
    text: str = field(repr=False)
    dialect: Dialect = field(repr=False)
    #: The arguments of the driver: host and user, or the path of the file; and the options.
    credentials: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, root: Path | None = None) -> DatabaseUrl:
        """Parse a URL.

        Args:
            text: The URL.
            root: The folder that relative paths of files start from.

        Raises:
            ValueError: The URL is invalid; the message lists the valid forms, without the URL.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            _refuse_memory(text)
            raise ValueError(f"it is not a URL; available: {FORMS}") from None
        dialect = _SCHEMES.get(parts.scheme)
        if dialect is None:
            raise ValueError(f"its scheme is not supported; available: {FORMS}")
        options = _options(parts.query, dialect)
        if dialect is Dialect.SQLITE:
            return cls.of_file(_file(parts.netloc + parts.path, root), text=text, **options)
        name = unquote(parts.path[1:])
        if not name:
            raise ValueError(
                "it does not name a database; add the name after the host, as in /name"
            )
        return cls(
            text,
            dialect,
            {
                "host": parts.hostname or None,
                "port": port or _PORTS[dialect],
                "user": unquote(parts.username or "") or None,
                "password": unquote(parts.password or "") or None,
                "database": name,
                **options,
            },
        )

    @classmethod
    def of_file(cls, path: Path, *, text: str = "", **options: Any) -> DatabaseUrl:
        """Return the URL of a SQLite file."""
        return cls(text or f"sqlite://{path}", Dialect.SQLITE, {"file_path": str(path), **options})

    @property
    def file(self) -> Path | None:
        """The SQLite file; `None` for a server."""
        path = self.credentials.get("file_path")
        return None if path is None else Path(path)

    def __str__(self) -> str:
        return mask_url(self.text)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


def _file(text: str, root: Path | None) -> Path:
    path = unquote(text)
    if not path or path.endswith("/"):
        raise ValueError("it has no path of a file; use sqlite:///path/to/file.sqlite3")
    _refuse_memory(path)
    file = Path(path).expanduser()
    return root / file if root else file


def _refuse_memory(text: str) -> None:
    if text.endswith(":memory:"):
        raise ValueError(
            "a database in memory is a different one for each process; use the path of a file, "
            "as in sqlite:///path/to/file.sqlite3"
        )


def _options(query: str, dialect: Dialect) -> dict[str, Any]:
    options: dict[str, Any] = {}
    known = _OPTIONS[dialect]
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ValueError(
                f"it has the unknown option {name!r} (timeouts and sizes are settings, such as "
                f"db.pool_max and db.pool_timeout); {name_hint(name, known)}"
            )
        key, parse = known[name]
        try:
            options[key] = parse(value)
        except ValueError:
            raise ValueError(f"its option {name!r} should be a number") from None
    return options
