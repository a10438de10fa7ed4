"""The cache of the sessions of open sockets, without Redis."""

from __future__ import annotations

import asyncio

import pytest

from actionhero import Connection
from actionhero_sessions import Sessions
from actionhero_sessions.cookie import SessionCookie
from actionhero_sessions.records import Record, Records
from actionhero_sessions.session_cache import SessionCache, SocketState
from actionhero_sessions.settings import SessionsSettings


class Store:
    """Loads sessions from memory, and counts the loads."""

    def __init__(self) -> None:
        self.values = {"words": ["a"]}
        self.loads = 0
        self.may_return = asyncio.Event()
        self.may_return.set()

    async def load(self, id: str) -> Record | None:
        """Return the session `known`, as it is at the start of the load."""
        self.loads += 1
        values = {key: list(value) for key, value in self.values.items()}
        await self.may_return.wait()
        return Record(values, 0, 0, has_containers=True) if id == "known" else None


def create_cache(store: Store) -> SessionCache:
    """Return a cache that receives notices."""
    cache = SessionCache(store.load, ttl_seconds=3600)
    cache.start()
    return cache


async def words(cache: SessionCache, state: SocketState) -> list[str]:
    """Return the words in the session `known`."""
    record = await cache.load("known", state)
    assert record is not None
    result: list[str] = record.values["words"]
    return result


async def test_a_session_is_loaded_once() -> None:
    """For all sockets that use it."""
    store = Store()
    cache, one, other = create_cache(store), SocketState(), SocketState()

    assert await words(cache, one) == await words(cache, other) == ["a"]
    assert store.loads == 1


async def test_a_session_is_in_use_until_its_last_socket_is_closed() -> None:
    """Not only that of the socket that has loaded it."""
    cache, one, other = create_cache(Store()), SocketState(), SocketState()
    await words(cache, one)
    await words(cache, other)

    del one
    assert cache.ids == {"known"}
    del other
    assert cache.ids == set()


async def test_values_are_not_shared_by_calls() -> None:
    """An object or array may be changed in place."""
    cache, state = create_cache(Store()), SocketState()

    (await words(cache, state)).append("b")
    (await words(cache, state)).append("c")

    assert await words(cache, state) == ["a"]


async def test_sessions_are_not_cached_without_notices() -> None:
    """Before they are received, and after."""
    store, state = Store(), SocketState()
    cache = SessionCache(store.load, ttl_seconds=3600)

    await words(cache, state)
    await words(cache, state)
    cache.start()
    await words(cache, state)
    cache.stop()
    await words(cache, state)

    assert store.loads == 4


async def test_a_notice_discards_the_record() -> None:
    """Also that of a load that began before it."""
    store, state = Store(), SocketState()
    cache = create_cache(store)
    store.may_return.clear()
    loading = asyncio.create_task(words(cache, state))
    await asyncio.sleep(0)

    store.values = {"words": ["b"]}
    cache.invalidate("known")
    store.may_return.set()

    assert await loading == ["a"]
    assert await words(cache, state) == ["b"]
    store.values = {"words": ["c"]}
    cache.invalidate("known")
    assert await words(cache, state) == ["c"]


async def test_records_are_loaded_again_after_a_while() -> None:
    """So that the time to live is renewed, and a lost notice has a limited effect."""
    store, state = Store(), SocketState()
    cache = SessionCache(store.load, ttl_seconds=0.0)
    cache.start()

    await words(cache, state)
    await words(cache, state)

    assert store.loads == 2


async def test_records_are_discarded_with_their_sockets() -> None:
    """And unknown sessions are not cached."""
    store, state = Store(), SocketState()
    cache = create_cache(store)
    await words(cache, state)

    state = SocketState()

    assert cache.get("known", state) is None
    assert await cache.load("unknown", state) is None
    assert await cache.load("unknown", state) is None
    assert store.loads == 3


async def test_calls_of_one_socket_are_opened_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that finds the record loaded does not overtake those that have waited for it."""
    store, order = Store(), list[int]()
    store.may_return.clear()

    async def load(id: str, *, watch: bool) -> Record | None:
        return await store.load(id)

    records = Records(lambda: pytest.fail("Redis is not used"), 3_600_000, "userId")
    monkeypatch.setattr(records, "load", load)
    cookie = SessionCookie(SessionsSettings())
    sessions = Sessions(
        records,
        cookie,
        "userId",
        cross_origin=lambda: pytest.fail("no request"),
        handle_key=lambda: b"key",
    )
    sessions._cache.start()
    socket = Connection("websocket")
    socket.session_id = "known"

    async def call(number: int) -> None:
        session = await sessions.open(socket)
        order.append(number)
        assert session["words"] == ["a"]

    tasks = [asyncio.create_task(call(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    store.may_return.set()
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(call(4)))
    await asyncio.wait(tasks)

    assert order == [0, 1, 3, 4]
    assert store.loads == 1
