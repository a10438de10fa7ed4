"""`Store`: which Redis an application uses, chosen from its settings."""

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

#: Programs that a private server can be started with; the first that is on PATH is taken.
PROGRAMS: Final = ("redis-server", "valkey-server")

#: Locks on files and Unix sockets, which a private server is shared by.
CAN_SHARE: Final = os.name == "posix"


class StoreKind(StrEnum):
    """The kinds of Redis that there are to choose from."""

    SERVER = "server"
    EMBEDDED = "embedded"
    MEMORY = "memory"


@dataclass(frozen=True)
class Store:
    """Which Redis is used."""

    kind: StoreKind
    #: Where it is, if it is a server that others run.
    url: RedisUrl | None = None
    #: What a private server is started with.
    program: str | None = None
    #: Where a private server keeps its data.
    folder: Path | None = None

    @property
    def shared(self) -> bool:
        """Whether other processes see what this one writes."""
        return self.kind is not StoreKind.MEMORY

    def __str__(self) -> str:
        match self.kind:
            case StoreKind.SERVER:
                return str(self.url)
            case StoreKind.EMBEDDED:
                return f"a private server ({self.program}), which keeps its data in {self.folder}"
            case _:
                return "memory of this process alone (fakeredis)"


def select_store(app: Application) -> Store:
    """Return what the settings ask for.

    Raises:
        ConfigurationError: It is not there. The message says what to set.
    """
    settings = app.get(RedisSettings)
    mode = settings.mode
    if mode == "auto":
        if settings.url is not None:
            mode = "server"
        else:
            mode = "embedded" if _program(settings) is not None and CAN_SHARE else "memory"
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
    if program is None or not CAN_SHARE:
        raise ConfigurationError(_no_program(settings))
    folder = app.get(AppSettings).data_dir / "redis"
    return Store(StoreKind.EMBEDDED, program=program, folder=folder)


def faults_in(app: Application) -> list[str]:
    """Return what keeps the chosen store from being used by this application."""
    if app.settings_are_wrong:
        return []
    try:
        store = select_store(app)
    except ConfigurationError as error:
        return [str(error)]
    if store.kind is StoreKind.SERVER:
        return []
    if app.environment == "production" and app.get(RedisSettings).mode == "auto":
        made_up = "a private server" if store.shared else "memory of one process"
        fault = (
            f"redis.url is not set, and in production {made_up} is not taken unless it was chosen "
            "by hand; set REDIS_URL, such as redis://localhost:6379/0, or "
            f"ACTIONHERO_REDIS__MODE={store.kind}"
        )
        return [fault]
    workers = _workers(app)
    if not store.shared and workers > 1 and app.mode is RunMode.SERVER:
        fault = (
            f"web.workers is {workers}, and without a Redis each of them would keep sessions and "
            "messages to itself; set REDIS_URL, such as redis://localhost:6379/0, install "
            "redis-server or valkey-server, or set ACTIONHERO_WEB__WORKERS=1"
        )
        return [fault]
    return []


def _program(settings: RedisSettings) -> str | None:
    if settings.program is not None:
        return shutil.which(settings.program)
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _no_program(settings: RedisSettings) -> str:
    if not CAN_SHARE:
        return (
            "redis.mode is 'embedded', which this platform cannot; set REDIS_URL, or "
            "ACTIONHERO_REDIS__MODE=memory"
        )
    if settings.program is not None:
        return (
            f"redis.program {str(settings.program)!r} is not a program; set "
            "ACTIONHERO_REDIS__PROGRAM to the path of a redis-server or valkey-server"
        )
    return (
        "redis.mode is 'embedded', and there is neither redis-server nor valkey-server on PATH; "
        "install one of them, set ACTIONHERO_REDIS__PROGRAM to its path, or set REDIS_URL"
    )


def _workers(app: Application) -> int:
    """Return how many processes serve. The section of the HTTP server is known by its name only."""
    for section in app.settings:
        if section.section == "web":
            return int(getattr(section, "workers", 1))
    return 1
