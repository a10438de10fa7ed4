"""`StoreSuite`: the fixtures of the test suites for stores of jobs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore

#: How long a suite waits for another thread, or for a point in time.
TIMEOUT_SECONDS = 30.0


class StoreSuite:
    """A store with two workers, `one` and `two`."""

    @pytest.fixture
    def open_store(self) -> Callable[[], JobStore]:
        """Return a function that opens a connection to one store, as another process would."""
        raise NotImplementedError("subclasses define the fixture 'open_store'")

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        """Return a function that makes a worker look killed to the sweep of the store."""
        raise NotImplementedError("subclasses define the fixture 'kill_worker'")

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        """Return a function that moves the times of leases and sweeps into the past.

        It is called with a store and milliseconds, as if its clock had advanced while it could not
        be reached. Stores without leases do nothing.
        """
        raise NotImplementedError("subclasses define the fixture 'advance_clock'")

    @pytest.fixture
    def stores(self, open_store: Callable[[], JobStore]) -> Iterator[Callable[[], JobStore]]:
        """Return a function that opens further connections, which are closed after the test."""
        opened: list[JobStore] = []

        def open_another() -> JobStore:
            opened.append(open_store())
            return opened[-1]

        yield open_another
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, stores: Callable[[], JobStore]) -> JobStore:
        """Return a store in which both workers are registered."""
        store = stores()
        store.register_worker("one")
        store.register_worker("two")
        return store

    def claim_when_due(self, store: JobStore) -> Claim:
        """Wait until a job is ready, and claim it."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        wake_event = threading.Event()
        while time.monotonic() < deadline:
            claims, _ = store.settle_and_claim("one", None, 1)
            if claims:
                return claims[0]
            store.wait("one", wake_event, 1000)
        pytest.fail("no job is ready")

    def claim_after_sweep(self, store: JobStore, worker_id: str = "two") -> list[Claim]:
        """Sweep until a killed worker is detected, and claim its jobs for another worker."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not store.sweep():
            assert time.monotonic() < deadline, "the sweep detects no killed worker"
            store.record_heartbeat(worker_id)
            time.sleep(0.02)
        return store.settle_and_claim(worker_id, None, 10)[0]
