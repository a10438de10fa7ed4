"""What the suites for stores of jobs stand on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_tasks.job import Claim
    from actionhero_tasks.store import JobStore

#: How long a suite waits for what another thread, or the clock, has to do.
PATIENCE_SECONDS = 30.0


class StoreSuite:
    """A store in the hands of two owners, `one` and `two`."""

    @pytest.fixture
    def open_store(self) -> Callable[[], JobStore]:
        """Give a function that opens one and the same store, as another process would."""
        raise NotImplementedError("a suite that inherits this gives a fixture 'open_store'")

    @pytest.fixture
    def vanish(self) -> Callable[[JobStore, str], None]:
        """Give a function that lets an owner be gone, as if its process had been killed."""
        raise NotImplementedError("a suite that inherits this gives a fixture 'vanish'")

    @pytest.fixture
    def stores(self, open_store: Callable[[], JobStore]) -> Iterator[Callable[[], JobStore]]:
        """Give a function that opens the store once more; all of them are closed at the end."""
        opened: list[JobStore] = []

        def opening() -> JobStore:
            opened.append(open_store())
            return opened[-1]

        yield opening
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, stores: Callable[[], JobStore]) -> JobStore:
        """Give a store that both owners have joined."""
        store = stores()
        store.join("one")
        store.join("two")
        return store

    def claim_when_due(self, store: JobStore) -> Claim:
        """Return the next job, once its time has come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        bell = threading.Event()
        while time.monotonic() < deadline:
            claims, _ = store.trade("one", None, 1)
            if claims:
                return claims[0]
            store.wait("one", bell, 1000)
        pytest.fail("it never came")

    def swept(self, store: JobStore) -> list[Claim]:
        """Return what somebody else gets once the sweep has found who is gone."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not store.sweep():
            assert time.monotonic() < deadline, "the sweep does not find it"
            store.beat("two")
            time.sleep(0.02)
        return store.trade("two", None, 10)[0]
