"""The session: data of a client that is kept between calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from actionhero.errors import ABSENT


class Session(MutableMapping[str, Any]):
    """A mutable mapping from text to JSON values that is kept between calls.

    Changes are saved if the call succeeds. A change *inside* a value is not detected: assign the
    value again.

    Args:
        id: The identifier; `None` for a session that was never saved.
        values: The stored values.
        created_ms: The time of creation, in milliseconds since the epoch; now if omitted.
    """

    __slots__ = ("_replaced", "_values", "changed", "created_ms", "id")

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
        #: The values before their first change; created on demand.
        self._replaced: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._keep(key)
        self._values[key] = value
        self.changed = True

    def __delitem__(self, key: str) -> None:
        self._keep(key)
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
        for key in self._values:
            self._keep(key)
        self._values.clear()
        self.changed = True

    def take_replaced(self, key: str) -> Any:
        """Return the value of a key before it was changed, and forget it, for the audit log.

        Returns:
            The value; `None` if there was none; `ABSENT` if the key was not changed since.
        """
        return ABSENT if self._replaced is None else self._replaced.pop(key, ABSENT)

    def _keep(self, key: str) -> None:
        """Keep the value of a key before its first change."""
        if self._replaced is None:
            self._replaced = {}
        self._replaced.setdefault(key, self._values.get(key))
