"""The commands that cannot be sent over a connection that concurrent callers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: They block the connection, or change its state.
_NOT_SHAREABLE: Final = frozenset(
    {
        *("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
        *("WAIT", "WAITAOF"),
        *("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"),
        *("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"),
        *("SELECT", "AUTH", "HELLO", "CLIENT", "RESET", "QUIT", "MONITOR", "SYNC", "PSYNC"),
        *("ASKING", "READONLY", "READWRITE"),
    }
)
#: They block if they have the argument `BLOCK`.
_BLOCKING_READS: Final = frozenset({"XREAD", "XREADGROUP"})


def require_shareable(command: str, arguments: Sequence[Any]) -> None:
    """Raise if a command blocks the connection, or changes its state.

    Raises:
        ValueError: It does; the message names the clients to use.
    """
    name = command.upper()
    if name in _NOT_SHAREABLE or (name in _BLOCKING_READS and _has_block(arguments)):
        raise ValueError(
            f"{name} cannot be sent over the shared connection, because it blocks the connection "
            "or changes its state; use a client of redis-py: redis.blocking for blocking commands, "
            "redis.pubsub() to subscribe, redis.client for others"
        )


def _has_block(arguments: Sequence[Any]) -> bool:
    # After STREAMS there are only keys and identifiers.
    for argument in arguments:
        word = argument.upper() if isinstance(argument, str | bytes) else argument
        if word in ("STREAMS", b"STREAMS"):
            return False
        if word in ("BLOCK", b"BLOCK"):
            return True
    return False
