"""The stores of quotas: Redis, and the memory of the process."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from actionhero_limits.identity import digest_of, is_digest_of
from actionhero_limits.quota import State
from actionhero_redis import PreparedScript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero_limits.quota import Quota, Take, Takes
    from actionhero_redis import RedisClients, Script

#: The identities that the memory of a process stores; the least recently used are removed.
LOCAL_CAPACITY: Final = 100_000
#: The commands that are kept encoded.
CACHE_SIZE: Final = 2_000


class Algorithm(Protocol):
    """The module of an algorithm."""

    #: The beginning of its time, in seconds since 1970.
    EPOCH_SECONDS: int
    SCRIPT: Script

    def script_arguments(self, quota: Quota, cost: float, /) -> tuple[float, ...]:
        """Return the arguments of the script for one key."""

    def take(
        self, stored: Sequence[Any], takes: Sequence[Take], now_us: float, /
    ) -> tuple[list[Any], list[State]]:
        """Return the new numbers and the states."""


class Store(Protocol):
    """Stores quotas."""

    async def take(self, takes: Takes) -> tuple[list[State], int]:
        """Count a call in all quotas if all of them allow it, and return their states.

        Returns:
            The states, and the time of the store, in microseconds since 1970.
        """

    async def reset(self, quota: Quota, digest: str) -> bool:
        """Delete the count of an identity, by its digest, and return whether there was one."""


class RedisStore:
    """Stores quotas in Redis, by the clock of Redis.

    Args:
        clients: Returns Redis, once it is available.
        algorithm: The algorithm.
    """

    def __init__(self, clients: Callable[[], RedisClients], algorithm: Algorithm) -> None:
        self._find_clients = clients
        self._clients: RedisClients | None = None
        self._script = algorithm.SCRIPT
        self._script_arguments = algorithm.script_arguments
        self._epoch_us = algorithm.EPOCH_SECONDS * 1_000_000
        # Encoding a command takes as long as the rest of it. By value: the requests of users are
        # objects of one call.
        self._prepared = lru_cache(CACHE_SIZE)(self._prepare)

    async def take(self, takes: Takes) -> tuple[list[State], int]:
        """Count a call, in one round trip."""
        clients = self._clients or self._connect()
        prepared = takes.encoded
        if prepared is None:
            prepared = takes.encoded = self._prepared(takes)
        reply = await clients.run_prepared(prepared)
        if len(takes) == 1:
            states = [State._make(reply[1:])]
        else:
            states = [State._make(reply[index : index + 3]) for index in range(1, len(reply), 3)]
        return states, reply[0] + self._epoch_us

    async def reset(self, quota: Quota, digest: str) -> bool:
        """Delete the key of an identity."""
        clients = self._clients or self._connect()
        return bool(await clients.execute("DEL", self._key_of(quota, digest)))

    def _connect(self) -> RedisClients:
        self._clients = self._find_clients()
        return self._clients

    def _prepare(self, takes: Takes) -> PreparedScript:
        keys = [self._key_of(quota, digest_of(identity)) for quota, identity, _ in takes]
        arguments = [
            argument for quota, _, cost in takes for argument in self._script_arguments(quota, cost)
        ]
        return PreparedScript(self._script, keys, arguments)

    def _key_of(self, quota: Quota, digest: str) -> str:
        tag = f"{{{quota.group}}}" if quota.group else ""
        clients = self._clients or self._connect()
        return clients.key("limits", f"{tag}{quota.name}", digest)


class LocalStore:
    """Stores quotas in the memory of the process.

    Args:
        algorithm: The algorithm.
        clock_us: The time since the epoch of the algorithm; that of this machine if omitted.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        clock_us: Callable[[], float] | None = None,
    ) -> None:
        self._take = algorithm.take
        self._epoch_us = algorithm.EPOCH_SECONDS * 1_000_000
        self._stored: OrderedDict[tuple[str, str], Any] = OrderedDict()
        # A clock that is never set.
        offset_us = (time.time() - time.monotonic()) * 1e6 - self._epoch_us
        self._clock_us = clock_us or (lambda: time.monotonic() * 1e6 + offset_us)

    async def take(self, takes: Takes) -> tuple[list[State], int]:
        """Count a call."""
        now_us = self._clock_us()
        keys = [(quota.name, identity) for quota, identity, _ in takes]
        numbers, states = self._take([self._stored.get(key) for key in keys], takes, now_us)
        for key, number in zip(keys, numbers, strict=True):
            if number is not None:
                self._stored[key] = number
                self._stored.move_to_end(key)
        while len(self._stored) > LOCAL_CAPACITY:
            self._stored.popitem(last=False)
        return states, int(now_us) + self._epoch_us

    async def reset(self, quota: Quota, digest: str) -> bool:
        """Delete the count of an identity in this process."""
        for name, identity in self._stored:
            if name == quota.name and is_digest_of(digest, identity):
                del self._stored[name, identity]
                return True
        return False
