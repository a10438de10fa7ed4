"""A suite for authors of session stores: what every store has to keep.

```python
from pytest_actionhero import SessionStoreContract


class TestCarrierPigeons(SessionStoreContract):
    @pytest.fixture
    async def store(self):
        yield PigeonStore()
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
    """Inherit from it in a class whose name begins with `Test`, and give the fixture `store`."""

    @pytest.fixture
    def store(self) -> SessionStore:
        """Give the store that is tested, ready to be used and empty."""
        raise NotImplementedError("a suite that inherits SessionStoreContract gives 'store'")

    @pytest.fixture
    def new_visitor(self) -> Callable[[], Connection]:
        """Give a function that returns somebody new; override it for a store that reads cookies."""
        return lambda: Connection("test")

    @pytest.fixture
    def visitor(self, new_visitor: Callable[[], Connection]) -> Connection:
        """Give somebody who has not been here before."""
        return new_visitor()

    async def test_a_stranger_has_an_empty_session(
        self, store: SessionStore, visitor: Connection
    ) -> None:
        """Nothing is remembered of who has not been here."""
        session = await store.open(visitor)

        assert dict(session) == {}
        assert session.changed is False

    async def test_what_was_saved_is_there_the_next_time(
        self, store: SessionStore, visitor: Connection
    ) -> None:
        """A later call of the same connection finds it, and it does not count as changed."""
        session = await store.open(visitor)
        session["userId"] = 7
        await store.save(visitor, session)

        later = await store.open(visitor)

        assert dict(later) == {"userId": 7}
        assert later.changed is False

    async def test_what_was_not_saved_is_forgotten(
        self, store: SessionStore, visitor: Connection
    ) -> None:
        """A call that fails changes nothing."""
        session = await store.open(visitor)
        session["seen"] = 1
        await store.save(visitor, session)
        failing = await store.open(visitor)
        failing["seen"] = 2

        assert dict(await store.open(visitor)) == {"seen": 1}

    async def test_two_visitors_share_nothing(
        self, store: SessionStore, visitor: Connection, new_visitor: Callable[[], Connection]
    ) -> None:
        """Each has a session of their own."""
        session = await store.open(visitor)
        session["userId"] = 7
        await store.save(visitor, session)

        assert dict(await store.open(new_visitor())) == {}

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    async def test_a_value_comes_back_as_it_was(
        self, store: SessionStore, visitor: Connection, value: Any
    ) -> None:
        """Whatever JSON can hold is kept."""
        session = await store.open(visitor)
        session["value"] = value
        await store.save(visitor, session)

        assert (await store.open(visitor))["value"] == value

    async def test_what_was_removed_is_gone(self, store: SessionStore, visitor: Connection) -> None:
        """A key that is deleted is not there the next time; the others are."""
        session = await store.open(visitor)
        session.update(one=1, two=2)
        await store.save(visitor, session)
        again = await store.open(visitor)
        del again["one"]
        await store.save(visitor, again)

        assert dict(await store.open(visitor)) == {"two": 2}

    async def test_a_new_identifier_keeps_what_is_remembered(
        self, store: SessionStore, visitor: Connection
    ) -> None:
        """Who signs in has another identifier, so that nobody who knew the old one comes along."""
        session = await store.open(visitor)
        session["cart"] = ["book"]
        await store.save(visitor, session)
        before = (await store.open(visitor)).id

        signing_in = await store.open(visitor)
        await signing_in.regenerate()
        signing_in["userId"] = 7
        await store.save(visitor, signing_in)

        after = await store.open(visitor)
        assert dict(after) == {"cart": ["book"], "userId": 7}
        assert after.id != before

    async def test_what_was_destroyed_is_forgotten(
        self, store: SessionStore, visitor: Connection
    ) -> None:
        """Who signs out is a stranger again."""
        session = await store.open(visitor)
        session["userId"] = 7
        await store.save(visitor, session)
        leaving = await store.open(visitor)
        await leaving.destroy()
        await store.save(visitor, leaving)

        assert dict(await store.open(visitor)) == {}
