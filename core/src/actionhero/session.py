"""What is remembered of somebody between calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from typing import Any


class Session(MutableMapping[str, Any]):
    """A mutable mapping that is kept from one call to the next, by text keys.

    Values must be what JSON can hold. Changes are kept when the call ends with a value; a change
    *inside* a value is not seen, so assign the value again.

    Args:
        id: Its identifier; `None` as long as nothing was kept.
        values: What is already known.
        created_ms: When it began, in milliseconds since the epoch; now, where left out.
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
        #: When it began, in milliseconds since the epoch.
        self.created_ms = time.time_ns() // 1_000_000 if created_ms is None else created_ms
        self._values: dict[str, Any] = {} if values is None else values
        #: Whether anything was assigned or removed since it was opened.
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
        # Names only: what is remembered of somebody has no place in a log.
        return f"<{type(self).__name__} with {sorted(self._values)}>"

    async def regenerate(self) -> None:
        """Give the session a new identifier and forget the old one: call it at sign-in."""

    async def destroy(self) -> None:
        """Forget everything: call it at sign-out."""
        self._values.clear()
        self.changed = True
