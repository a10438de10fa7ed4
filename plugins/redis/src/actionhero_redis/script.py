"""`Script`: a Lua script for `RedisClients.run_script`."""

from __future__ import annotations

from hashlib import sha1


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
