"""`DatabaseUrl`: where a database is, read from one line of text. Nothing here knows a driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from actionhero.settings import mask_passwords

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What a URL may look like, for whoever wrote one that does not.
FORMS: Final = (
    "postgres://user@host:5432/name, sqlite:///path/to/file.sqlite3, mysql://user@host:3306/name"
)


class Dialect(StrEnum):
    """The kinds of database. Their names are also those of Tortoise's connections.

    Two dialects must not share a connection name: Tortoise caches statements by it.
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
}
_PORTS: Final = {Dialect.POSTGRES: 5432, Dialect.MYSQL: 3306}


def _tls(text: str) -> str | bool:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


#: What may stand behind the `?`: how each is read, and what the driver calls it.
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
        "ssl": ("ssl", _tls),
        "sslmode": ("ssl", _tls),
        "statement_cache_size": ("statement_cache_size", int),
    },
    Dialect.MYSQL: {
        "charset": ("charset", str),
        "pool_recycle": ("pool_recycle", int),
        "ssl": ("ssl", _tls),
        "storage_engine": ("storage_engine", str),
    },
}


@dataclass(frozen=True)
class DatabaseUrl:
    """Where a database is. Its text, and its `repr`, are without passwords."""

    #: As it was written, passwords and all.
    text: str = field(repr=False)
    dialect: Dialect = field(repr=False)
    #: What the driver is given: host and user, or the path of the file; and the options.
    credentials: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, root: Path | None = None) -> DatabaseUrl:
        """Read a URL.

        Args:
            text: The URL.
            root: Where the relative path of a file begins.

        Raises:
            ValueError: It is none; the message says what may be given, without what was.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            _refuse_memory(text)
            raise ValueError(f"it is not a URL; there are: {FORMS}") from None
        dialect = _SCHEMES.get(parts.scheme)
        if dialect is None:
            raise ValueError(f"its scheme is not one of ours; there are: {FORMS}")
        options = _options(parts.query, dialect)
        if dialect is Dialect.SQLITE:
            return cls.of_file(_file(parts.netloc + parts.path, root), text=text, **options)
        name = unquote(parts.path[1:])
        if not name:
            raise ValueError("it does not name a database; write it after the host, as in /name")
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
        return mask_passwords(self.text)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


def _file(text: str, root: Path | None) -> Path:
    path = unquote(text)
    if not path or path.endswith("/"):
        raise ValueError("it has no path of a file; write sqlite:///path/to/file.sqlite3")
    _refuse_memory(path)
    file = Path(path).expanduser()
    return root / file if root else file


def _refuse_memory(text: str) -> None:
    if text.endswith(":memory:"):
        raise ValueError(
            "a database in memory is a different one for each process; write the path of a file, "
            "as in sqlite:///path/to/file.sqlite3"
        )


def _options(query: str, dialect: Dialect) -> dict[str, Any]:
    options: dict[str, Any] = {}
    known = _OPTIONS[dialect]
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ValueError(
                f"it has the option {name!r}, which is not known; there are: "
                f"{', '.join(known)}. Timeouts and sizes are settings of their own: "
                "db.pool_max, db.pool_timeout"
            )
        key, read = known[name]
        try:
            options[key] = read(value)
        except ValueError:
            raise ValueError(f"its option {name!r} is wrong: it should be a number") from None
    return options
