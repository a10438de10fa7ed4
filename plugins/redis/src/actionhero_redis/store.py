"""`Store`: the Redis of an application, selected by its settings."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from actionhero import ConfigurationError, RunMode
from actionhero.settings import AppSettings
from actionhero_redis.settings import RedisSettings

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero import Application
    from actionhero_redis.url import RedisUrl

#: The programs of a private server; the first on PATH is used.
PROGRAMS: Final = ("redis-server", "valkey-server")

#: Whether the platform has the file locks and Unix sockets by which processes share a server.
SUPPORTS_EMBEDDED: Final = os.name == "posix"


class StoreKind(StrEnum):
    """The kind of a store."""

    SERVER = "server"
    EMBEDDED = "embedded"
    MEMORY = "memory"


@dataclass(frozen=True)
class Store:
    """The Redis of an application: a server, a private server, or memory."""

    kind: StoreKind
    #: The URL of a server.
    url: RedisUrl | None = None
    #: The program of a private server.
    program: str | None = None
    #: The data folder of a private server.
    folder: Path | None = None

    @property
    def shared(self) -> bool:
        """Whether other processes see the data that this process writes."""
        return self.kind is not StoreKind.MEMORY

    def __str__(self) -> str:
        match self.kind:
            case StoreKind.SERVER:
                return str(self.url)
            case StoreKind.EMBEDDED:
                return f"a private server ({self.program}) with its data in {self.folder}"
            case _:
                return "the memory of this process (fakeredis)"


def select_store(app: Application) -> Store:
    """Return the store that the settings select.

    Raises:
        ConfigurationError: It does not exist; the message names the setting to change.
    """
    settings = app.get(RedisSettings)
    mode = settings.mode
    if mode == "auto":
        if settings.url is not None:
            mode = "server"
        else:
            mode = "embedded" if _program(settings) is not None and SUPPORTS_EMBEDDED else "memory"
    if mode == "server":
        if settings.url is None:
            raise ConfigurationError(
                "redis.mode is 'server' and redis.url is not set; set REDIS_URL, such as "
                "redis://localhost:6379/0"
            )
        return Store(StoreKind.SERVER, url=settings.url)
    if mode == "memory":
        return Store(StoreKind.MEMORY)
    program = _program(settings)
    if program is None or not SUPPORTS_EMBEDDED:
        raise ConfigurationError(_no_program_message(settings))
    folder = app.get(AppSettings).data_dir / "redis"
    return Store(StoreKind.EMBEDDED, program=program, folder=folder)


def validate_store(app: Application) -> list[str]:
    """Return the reasons why this application cannot use the selected store."""
    if app.has_invalid_settings:
        return []
    try:
        store = select_store(app)
    except ConfigurationError as error:
        return [str(error)]
    if store.kind is StoreKind.SERVER:
        return []
    if app.environment == "production" and app.get(RedisSettings).mode == "auto":
        fallback = "a private server" if store.shared else "the memory of one process"
        problem = (
            f"redis.url is not set, and {fallback} must be selected explicitly in production; set "
            "REDIS_URL, such as redis://localhost:6379/0, or "
            f"ACTIONHERO_REDIS__MODE={store.kind}"
        )
        return [problem]
    workers = _workers(app)
    if not store.shared and workers > 1 and app.mode is RunMode.SERVER:
        problem = (
            f"web.workers is {workers}, and without Redis the workers cannot share sessions and "
            "messages; set REDIS_URL, such as redis://localhost:6379/0, install redis-server or "
            "valkey-server, or set ACTIONHERO_WEB__WORKERS=1"
        )
        return [problem]
    return []


def _program(settings: RedisSettings) -> str | None:
    if settings.program is not None:
        return shutil.which(settings.program)
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _no_program_message(settings: RedisSettings) -> str:
    if not SUPPORTS_EMBEDDED:
        return (
            "redis.mode is 'embedded', which this platform does not support; set REDIS_URL, or "
            "ACTIONHERO_REDIS__MODE=memory"
        )
    if settings.program is not None:
        return (
            f"redis.program {str(settings.program)!r} is not an executable program; set "
            "ACTIONHERO_REDIS__PROGRAM to the path of a redis-server or valkey-server"
        )
    return (
        "redis.mode is 'embedded', and neither redis-server nor valkey-server is on PATH; "
        "install one of them, set ACTIONHERO_REDIS__PROGRAM to its path, or set REDIS_URL"
    )


def _workers(app: Application) -> int:
    """Return the number of web workers; this package does not depend on `actionhero-web`."""
    return int(getattr(app.settings.find("web"), "workers", 1))
