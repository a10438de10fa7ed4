"""The knobs of Redis: section `redis`."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator

from actionhero import Field, Settings
from actionhero.settings import SettingsPath
from actionhero_redis.url import FORMS, RedisUrl

_NOT_PLAIN = re.compile(r"[^a-z0-9_.-]+")


def _read_url(given: Any) -> RedisUrl:
    if isinstance(given, RedisUrl):
        return given
    if not isinstance(given, str):
        raise ValueError(f"it should be a text; there are: {FORMS}")
    return RedisUrl.parse(given)


class RedisSettings(Settings):
    """Which Redis is used, and how."""

    section: ClassVar[str] = "redis"
    env_aliases: ClassVar[dict[str, str]] = {"REDIS_URL": "url"}

    url: Annotated[RedisUrl, PlainValidator(_read_url)] | None = Field(
        default=None,
        description="Where Redis is: redis://, rediss:// (TLS), unix://, redis+sentinel:// or "
        "redis+cluster://. Options of TLS follow a ?, as in ?ssl_ca_certs=ca.pem.",
    )
    mode: Literal["auto", "server", "embedded", "memory"] = Field(
        default="auto",
        description="Which Redis is used. server: the one at redis.url. embedded: a private "
        "server of ours, with its data in the data folder. memory: none, only memory of this "
        "process. auto: the first of these that there is.",
    )
    program: SettingsPath | None = Field(
        default=None,
        description="The program that a private server is started with. Not set: redis-server or "
        "valkey-server, from PATH.",
    )
    prefix: str | None = Field(
        default=None,
        pattern=r"^[^\s:](\S*[^\s:])?:?$",
        description="What every key begins with, before a colon. Not set: the name of the "
        "application.",
    )
    required: bool = Field(
        default=True,
        description="Whether a Redis that is away keeps us from starting. If not, calls that need "
        "it are answered 503 until it is there.",
    )
    pool_size: int = Field(
        default=50,
        ge=1,
        description="How many connections a process opens at most, for each kind of client. In a "
        "cluster: to each of its servers.",
    )
    pool_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long a command may wait for a connection that is free.",
    )
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long it may take to connect.",
    )
    timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long an answer may take. It does not hold for commands that block.",
    )
    retries: int = Field(
        default=3,
        ge=0,
        description="How often a command is tried again after its connection was lost. It may "
        "have been carried out all the same.",
    )
    retry_backoff: timedelta = Field(
        default=timedelta(milliseconds=50),
        ge=timedelta(0),
        description="How long to wait before the first of the retries; twice as long each time.",
    )
    retry_backoff_limit: timedelta = Field(
        default=timedelta(seconds=1),
        ge=timedelta(0),
        description="The longest wait between two retries.",
    )
    health_check_interval: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        description="A connection that was idle for so long is tried before it is used. 0: never.",
    )

    def prefix_for(self, application: str) -> str:
        """Return what every key of an application begins with, up to the colon and with it.

        Args:
            application: The name of the application; it counts where no prefix is set.
        """
        return f"{(self.prefix or _plain(application)).removesuffix(':')}:"


def _plain(name: str) -> str:
    """Return `name` in letters that need no care, and different from that of any other name."""
    plain = _NOT_PLAIN.sub("-", name.lower()).strip("-")
    if plain == name:
        return plain
    # Two names that look alike without their odd letters must not share their keys.
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else f"actionhero-{digest}"
