"""`Script`: a Lua script for `RedisClients.run_script`."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class Script:
    """A Lua script, sent to Redis once, and by its digest afterwards.

    Args:
        text: Its source.
        idempotent: Whether running it twice has the same effect and result as running it once. It
            is then sent again if its connection is lost before the reply.
    """

    __slots__ = ("idempotent", "sha", "text")

    def __init__(self, text: str, *, idempotent: bool = False) -> None:
        self.text = text
        self.idempotent = idempotent
        #: The SHA-1 digest by which Redis identifies it.
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


class PreparedScript:
    """A script with its keys and arguments, which are encoded once for many runs.

    Args:
        script: The script.
        keys: Its `KEYS`, which must be in one slot of a cluster.
        arguments: Its `ARGV`.
    """

    __slots__ = ("command", "packed", "script")

    def __init__(
        self,
        script: Script,
        keys: Sequence[str | bytes] = (),
        arguments: Sequence[str | bytes | int | float] = (),
    ) -> None:
        self.script = script
        self.command: tuple[Any, ...] = (
            "EVALSHA", script.sha, len(keys), *keys, *arguments,
        )  # fmt: skip
        #: The encoded command, once it was sent.
        self.packed: bytes | None = None

    @property
    def full_command(self) -> tuple[Any, ...]:
        """The command for a server that does not know the script, and stores it."""
        return ("EVAL", self.script.text, *self.command[2:])
