"""The settings of rate limits and idempotency keys: section `limits`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final, Literal

from pydantic import field_validator

from actionhero import Field, Settings
from actionhero_limits.identity import address_filter
from actionhero_limits.rate import parse_rate

#: The transports, and other names that these are called by.
_TRANSPORTS: Final = {
    "web": ("http", "https", "rest", "sse"),
    "websocket": ("ws", "wss", "socket"),
    "mcp": ("agent", "agents"),
    "cli": ("command", "console"),
    "task": ("job", "jobs", "queue", "worker"),
}
#: How similar a name is to that of a transport, so that it is no other one of a plugin.
_SIMILARITY: Final = 0.8


class LimitsSettings(Settings):
    """The rate limits of actions, and the storage of results by idempotency key."""

    section: ClassVar[str] = "limits"

    enabled: bool | None = Field(
        default=None,
        description="Whether calls are limited. Not set: yes, except in the environment test.",
    )
    default: str = Field(
        default="",
        description="The limit of all actions without their own together, for each caller, such "
        "as '600/minute'. Empty: none.",
    )
    default_signed_in: str = Field(
        default="",
        description="The same for signed-in users. Empty: default applies to them, too.",
    )
    transports: list[str] = Field(
        default=["web", "websocket", "mcp"],
        description="The transports whose calls are limited. Further ones: cli, task.",
    )
    exempt: list[str] = Field(
        default=[],
        description="Addresses and networks whose calls are not limited.",
    )
    algorithm: Literal["gcra", "sliding_window"] | None = Field(
        default=None,
        description="The algorithm. Not set: gcra; with web.error_format = 'actionhero' "
        "sliding_window, which is that of the original ActionHero.",
    )
    store: Literal["redis", "local"] = Field(
        default="redis",
        description="Where calls are counted: in Redis, or by each process in its own memory.",
    )
    on_failure: Literal["allow", "refuse"] = Field(
        default="allow",
        description="Whether calls are allowed, or refused with 503, while the store cannot be "
        "reached.",
    )
    headers: Literal["standard", "legacy", "both", "none"] | None = Field(
        default=None,
        description="The headers of responses: RateLimit (standard), X-RateLimit-* (legacy), both "
        "or none. Not set: standard; with web.error_format = 'actionhero' legacy.",
    )
    idempotency_ttl: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(seconds=1),
        description="How long the result of a call with an idempotency key is stored.",
    )
    idempotency_body_bytes: int = Field(
        default=1024 * 1024,
        ge=0,
        description="The largest result that is stored by idempotency key.",
    )

    @field_validator("default", "default_signed_in")
    @classmethod
    def _is_rate(cls, rate: str) -> str:
        if rate:
            parse_rate(rate)
        return rate

    @field_validator("transports")
    @classmethod
    def _are_transports(cls, names: list[str]) -> list[str]:
        # With a wrong name, its calls would not be limited. Plugins may have other transports.
        for name in names:
            if name in _TRANSPORTS:
                continue
            # Imported here because most starts have no misspelled name.
            from difflib import get_close_matches

            near = get_close_matches(name.lower(), _TRANSPORTS, 1, _SIMILARITY)
            near += [known for known, others in _TRANSPORTS.items() if name.lower() in others]
            if near:
                raise ValueError(f"{name!r} is not a transport; did you mean {near[0]!r}?")
        return names

    @field_validator("exempt")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        address_filter(networks)
        return networks
