"""`RedisSettings`: the section `redis` of the settings."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator

from actionhero import Field, Settings
from actionhero.settings import SettingsPath
from actionhero_redis.url import URL_FORMS, RedisUrl

_UNSAFE = re.compile(r"[^a-z0-9_.-]+")


def _parse_url(value: Any) -> RedisUrl:
    if isinstance(value, RedisUrl):
        return value
    if not isinstance(value, str):
        raise ValueError(f"it should be a string; supported URLs: {URL_FORMS}")
    return RedisUrl.parse(value)


class RedisSettings(Settings):
    """The Redis server of the application, and its connections."""

    section: ClassVar[str] = "redis"
    env_aliases: ClassVar[dict[str, str]] = {"REDIS_URL": "url"}

    url: Annotated[RedisUrl, PlainValidator(_parse_url)] | None = Field(
        default=None,
        description="The URL of Redis: redis://, rediss:// (TLS), unix://, redis+sentinel:// or "
        "redis+cluster://. TLS options are query parameters, such as ?ssl_ca_certs=ca.pem.",
    )
    mode: Literal["auto", "server", "embedded", "memory"] = Field(
        default="auto",
        description="The Redis to use. server: the server at redis.url. embedded: a private "
        "server with its data in the data folder. memory: the memory of this process. auto: the "
        "first of these that is available.",
    )
    program: SettingsPath | None = Field(
        default=None,
        description="The program of the private server. Not set: redis-server or valkey-server "
        "from PATH.",
    )
    prefix: str | None = Field(
        default=None,
        pattern=r"^[^\s:](\S*[^\s:])?:?$",
        description="The prefix of every key, followed by a colon. Not set: the name of the "
        "application.",
    )
    required: bool = Field(
        default=True,
        description="Whether the application refuses to start while Redis is unavailable. If not, "
        "calls that use Redis fail with 503 until it is available.",
    )
    pool_size: int = Field(
        default=50,
        ge=1,
        description="The maximum number of connections of a process, for each kind of client. In "
        "a cluster: to each of its servers.",
    )
    pool_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long a command waits for a free connection in the pool.",
    )
    connect_timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="The timeout for connecting to Redis.",
    )
    timeout: timedelta = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="The timeout for a response from Redis, except for blocking commands.",
    )
    retries: int = Field(
        default=3,
        ge=0,
        description="How often connecting is retried. A command of a redis-py client whose "
        "connection was lost is sent again as often, and may be executed more than once; a "
        "command of the shared connection only if it is idempotent, and once.",
    )
    retry_backoff: timedelta = Field(
        default=timedelta(milliseconds=50),
        ge=timedelta(0),
        description="The delay before the first retry; it doubles with each further retry.",
    )
    max_retry_backoff: timedelta = Field(
        default=timedelta(seconds=1),
        ge=timedelta(0),
        description="The longest delay between two retries.",
    )
    health_check_interval: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        description="A connection that was idle for this long is checked: by a redis-py client "
        "before it is used, the shared connection at once. 0: never.",
    )

    def prefix_for(self, application: str) -> str:
        """Return the prefix of every key of an application, including the colon.

        Args:
            application: The name of the application, used if no prefix is set.
        """
        return f"{(self.prefix or _key_prefix(application)).removesuffix(':')}:"


def _key_prefix(name: str) -> str:
    """Return a unique prefix for the application `name`, of ASCII letters and digits."""
    prefix = _UNSAFE.sub("-", name.lower()).strip("-")
    if prefix == name:
        return prefix
    # Names that differ only in the replaced characters must not share their keys.
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{prefix}-{digest}" if prefix else f"actionhero-{digest}"
