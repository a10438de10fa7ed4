"""The contract suite for session stores, with a correct and an incorrect store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from multidict import CIMultiDict

from actionhero import Connection
from actionhero.testing import running_app
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import Sessions
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin
from pytest_actionhero import SessionStoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from actionhero import SessionStore
    from actionhero_redis.testing import ThrowAwayRedis

NULL_STORE = """
import pytest
from actionhero import Session, SessionStore
from pytest_actionhero import SessionStoreContract


class NullStore(SessionStore):
    async def open(self, connection):
        return Session()

    async def save(self, connection, session):
        pass


class TestNullStore(SessionStoreContract):
    @pytest.fixture
    def store(self):
        return NullStore()
"""


class TestSessions(SessionStoreContract):
    """The store of actionhero-sessions."""

    @pytest.fixture
    async def store(self, redis_server: ThrowAwayRedis) -> AsyncIterator[SessionStore]:
        """Yield the store, with a Redis server."""
        plugins = (web_plugin, redis_plugin, sessions_plugin)
        async with running_app(*plugins, environ={"REDIS_URL": redis_server.url}) as app:
            yield app.get(Sessions)

    @pytest.fixture
    def new_client(self) -> Callable[[], Connection]:
        """Return a function that creates WebSocket connections without a cookie."""
        request = SimpleNamespace(scheme="http", remote=None, headers=CIMultiDict[str]())
        return lambda: Connection("websocket", raw=request)


def test_a_store_that_loses_changes_fails_the_suite(pytester: pytest.Pytester) -> None:
    """Most tests of the suite fail."""
    pytester.makepyfile(NULL_STORE)

    outcomes = pytester.runpytest_subprocess("-o", "asyncio_mode=auto").parseoutcomes()

    assert outcomes["failed"] > 5
