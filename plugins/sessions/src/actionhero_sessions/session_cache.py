"""`SessionCache`: the records of sessions that open sockets use, until a notice of a change."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero_sessions.records import Record

#: How long a record is used without being loaded again, which renews its time to live. It limits
#: the delay of a change whose notice is lost with the connection to Redis.
MAX_AGE_SECONDS: Final = 5.0


class CachedRecord:
    """The record of a session in this process, shared by the sockets that use the session."""

    __slots__ = ("__weakref__", "expires", "record", "version")

    def __init__(self) -> None:
        self.record: Record | None = None
        #: The time of the monotonic clock from which the record is not used, in seconds.
        self.expires = 0.0
        #: The number of notices: a record that was loaded before one is not stored after it.
        self.version = 0

    def invalidate(self) -> None:
        """Discard the record, and that of a load in progress."""
        self.record = None
        self.expires = 0.0
        self.version += 1


class SocketState:
    """The state of one socket: its cached record, and the calls that load it or wait for that."""

    __slots__ = ("cached", "lock", "waiting_calls")

    def __init__(self) -> None:
        #: Held while the session is loaded: later calls wait, and so stay in order.
        self.lock = asyncio.Lock()
        #: The number of calls that hold the lock, or wait for it.
        self.waiting_calls = 0
        #: A reference that keeps the record in the cache, and the session in `SessionCache.ids`.
        self.cached: CachedRecord | None = None


class SessionCache:
    """The records of sessions by identifier, as long as a socket uses them.

    A record is used only while this process receives the notices of changes.

    Args:
        load: Loads a session whose changes are published, and renews its time to live.
        ttl_seconds: The time to live of a session.
    """

    def __init__(self, load: Callable[[str], Awaitable[Record | None]], ttl_seconds: float) -> None:
        self._load = load
        self._max_age_seconds = min(MAX_AGE_SECONDS, ttl_seconds / 10)
        self._records: WeakValueDictionary[str, CachedRecord] = WeakValueDictionary()
        self._receives_notices = False

    def get(self, id: str, state: SocketState) -> Record | None:
        """Return the cached record of a session; `None` if it has to be loaded.

        Args:
            id: The identifier of the session.
            state: The socket that uses it.
        """
        cached = self._records.get(id)
        if cached is None or cached.record is None or time.monotonic() >= cached.expires:
            return None
        # The session is in use until its last socket is closed, not the one that has loaded it.
        state.cached = cached
        return _isolated(cached.record)

    async def load(self, id: str, state: SocketState) -> Record | None:
        """Return the record of a session, loaded if necessary; `None` if it does not exist.

        Args:
            id: The identifier of the session.
            state: The socket that uses it.
        """
        if (record := self.get(id, state)) is not None:
            return record
        cached = self._records.get(id)
        if cached is None:
            cached = self._records[id] = CachedRecord()
        state.cached = cached
        version = cached.version
        record = await self._load(id)
        if record is None:
            return None
        if self._receives_notices and version == cached.version:
            cached.record = record
            cached.expires = time.monotonic() + self._max_age_seconds
        return _isolated(record)

    @property
    def ids(self) -> set[str]:
        """The identifiers of the sessions that sockets use."""
        return set(self._records)

    def start(self) -> None:
        """Use the cache: the notices of all changes from now on are received."""
        self.clear()
        self._receives_notices = True

    def stop(self) -> None:
        """Load each session: notices are not received any more."""
        self._receives_notices = False
        self.clear()

    def invalidate(self, id: str) -> None:
        """Discard the record of a session that was changed or deleted."""
        cached = self._records.get(id)
        if cached is not None:
            cached.invalidate()

    def clear(self) -> None:
        """Discard all records."""
        for cached in list(self._records.values()):
            cached.invalidate()


def _isolated(record: Record) -> Record:
    """Return a record whose values a call may change without assigning them."""
    if not record.has_containers:
        return record
    return record._replace(values=copy.deepcopy(record.values))
