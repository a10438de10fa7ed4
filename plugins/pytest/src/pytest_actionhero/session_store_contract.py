"""The contract suite for session stores.

```python
from pytest_actionhero import SessionStoreContract


class TestFileStore(SessionStoreContract):
    @pytest.fixture
    async def store(self, tmp_path):
        yield FileStore(tmp_path)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import SessionStore

VALUES: list[Any] = [None, True, 0, -1, 1.5, "", "Ж 名前 🎉", [1, [2]], {"a": {"b": []}}]


@pytest.mark.asyncio
class SessionStoreContract:
    """Inherit from it in a class `Test…`, and define the fixture `store`."""

    @pytest.fixture
    def store(self) -> SessionStore:
        """Return the tested store, ready and empty."""
        raise NotImplementedError("a subclass of SessionStoreContract defines the fixture 'store'")

    @pytest.fixture
    def new_client(self) -> Callable[[], Connection]:
        """Return a function that creates a connection; override it for a store with cookies."""
        return lambda: Connection("test")

    @pytest.fixture
    def client(self, new_client: Callable[[], Connection]) -> Connection:
        """Return a new connection."""
        return new_client()

    async def test_a_new_client_has_an_empty_session(
        self, store: SessionStore, client: Connection
    ) -> None:
        """The session is not changed."""
        session = await store.open(client)

        assert dict(session) == {}
        assert session.changed is False

    async def test_saved_values_are_returned(self, store: SessionStore, client: Connection) -> None:
        """A later call of the same connection has them, and they are not changes."""
        session = await store.open(client)
        session["userId"] = 7
        await store.save(client, session)

        later = await store.open(client)

        assert dict(later) == {"userId": 7}
        assert later.changed is False

    async def test_unsaved_changes_are_lost(self, store: SessionStore, client: Connection) -> None:
        """A failed call changes nothing."""
        session = await store.open(client)
        session["seen"] = 1
        await store.save(client, session)
        failing = await store.open(client)
        failing["seen"] = 2

        assert dict(await store.open(client)) == {"seen": 1}

    async def test_sessions_of_two_clients_are_separate(
        self, store: SessionStore, client: Connection, new_client: Callable[[], Connection]
    ) -> None:
        """Each client has its own session."""
        session = await store.open(client)
        session["userId"] = 7
        await store.save(client, session)

        assert dict(await store.open(new_client())) == {}

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    async def test_values_are_unchanged(
        self, store: SessionStore, client: Connection, value: Any
    ) -> None:
        """All JSON values are supported."""
        session = await store.open(client)
        session["value"] = value
        await store.save(client, session)

        assert (await store.open(client))["value"] == value

    async def test_deleted_keys_are_removed(self, store: SessionStore, client: Connection) -> None:
        """Other keys are kept."""
        session = await store.open(client)
        session.update(one=1, two=2)
        await store.save(client, session)
        later = await store.open(client)
        del later["one"]
        await store.save(client, later)

        assert dict(await store.open(client)) == {"two": 2}

    async def test_regenerate_keeps_the_values(
        self, store: SessionStore, client: Connection
    ) -> None:
        """A sign-in changes the identifier, so that the old one is useless."""
        session = await store.open(client)
        session["cart"] = ["book"]
        await store.save(client, session)
        before = (await store.open(client)).id

        signing_in = await store.open(client)
        await signing_in.regenerate()
        signing_in["userId"] = 7
        await store.save(client, signing_in)

        after = await store.open(client)
        assert dict(after) == {"cart": ["book"], "userId": 7}
        assert after.id != before

    async def test_destroy_deletes_the_session(
        self, store: SessionStore, client: Connection
    ) -> None:
        """After a sign-out, the session is empty."""
        session = await store.open(client)
        session["userId"] = 7
        await store.save(client, session)
        signing_out = await store.open(client)
        await signing_out.destroy()
        await store.save(client, signing_out)

        assert dict(await store.open(client)) == {}
