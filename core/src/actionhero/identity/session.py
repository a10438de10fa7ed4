"""The session: data of a client that is kept between calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from typing import Any


class Session(MutableMapping[str, Any]):
    """A mutable mapping from text to JSON values that is kept between calls.

    Changes are saved if the call succeeds. A change *inside* a value is not detected: assign the
    value again.

    Args:
        id: The identifier; `None` for a session that was never saved.
        values: The stored values.
        created_ms: The time of creation, in milliseconds since the epoch; now if omitted.
    """

    __slots__ = ("_values", "changed", "created_ms", "id")

    def __init__(
        self,
        id: str | None = None,
        values: dict[str, Any] | None = None,
        *,
        created_ms: int | None = None,
    ) -> None:
        self.id = id
        #: The time of creation, in milliseconds since the epoch.
        self.created_ms = time.time_ns() // 1_000_000 if created_ms is None else created_ms
        self._values: dict[str, Any] = {} if values is None else values
        #: Whether a value was assigned or removed since the session was opened.
        self.changed = False

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self.changed = True

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self.changed = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        # Names only: the values are private.
        return f"<{type(self).__name__} with {sorted(self._values)}>"

    async def regenerate(self) -> None:
        """Replace the identifier of the session and delete the old one: call this at sign-in."""

    async def destroy(self) -> None:
        """Delete the session: call this at sign-out."""
        self._values.clear()
        self.changed = True
