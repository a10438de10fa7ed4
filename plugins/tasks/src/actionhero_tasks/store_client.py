"""`StoreClient`: the job store of an application, as code on an event loop uses it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

from actionhero import InvalidInput, ServiceUnavailable
from actionhero_tasks.job import InvalidText, StoreUnavailable
from actionhero_tasks.single_thread_executor import SingleThreadExecutor
from actionhero_tasks.store_factory import open_delivery, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actionhero import Application
    from actionhero_tasks.brokers.delivery import BrokerDelivery
    from actionhero_tasks.stores.job_source import JobSource
    from actionhero_tasks.stores.store import JobStore

Result = TypeVar("Result")


class StoreClient:
    """A connection to the job store, opened on first use, and the thread that uses it.

    Args:
        app: The application.
        name: The name of the thread.
        delivers: Whether the jobs are sent to the message broker of the settings, if there is one.
    """

    def __init__(self, app: Application, name: str, *, delivers: bool) -> None:
        self._app = app
        self._delivers = delivers
        self._open_lock = threading.Lock()
        #: The store, if it is open.
        self.opened: JobStore | None = None
        self._delivery: BrokerDelivery | None = None
        # One thread, because a store has one connection.
        self._executor = SingleThreadExecutor(name, StoreUnavailable)

    @property
    def store(self) -> JobStore:
        """The store. Its methods block."""
        with self._open_lock:
            if self.opened is None:
                store = open_store(self._app)
                try:
                    self._delivery = open_delivery(self._app, store) if self._delivers else None
                except BaseException:
                    store.close()
                    raise
                if self._delivery is not None:
                    self._delivery.start()
                self.opened = store
            return self.opened

    @property
    def source(self) -> JobSource:
        """Where workers get the jobs from: the store, or the queues of a message broker."""
        store = self.store
        return store if self._delivery is None else self._delivery.source

    async def use(self, function: Callable[[JobStore], Result]) -> Result:
        """Call `function` with the store in the thread, and return its result.

        Raises:
            InvalidInput: A text cannot be stored.
            ServiceUnavailable: The store cannot be reached.
        """
        with typed_errors():
            return await self._executor.run(lambda: function(self.store))

    async def check(self) -> None:
        """Raise the error of the store if it cannot be used now.

        Once the store is open, no thread is involved, unless it is busy.
        """
        store = self.opened
        if store is None or not await store.ping_nowait():
            await self._executor.run(lambda: self.store.ping())

    async def check_broker(self) -> None:
        """Raise the error of the message broker, if there is one, and it cannot be used now."""
        if self._delivery is not None:
            # Not in the thread of the store, for which the broker may take too long.
            await asyncio.to_thread(self._delivery.ping)

    def close(self) -> None:
        """Send the jobs that were not sent to the broker, and close the store."""
        self._executor.shutdown()
        if self._delivery is not None:
            self._delivery.close()
        if self.opened is not None:
            self.opened.close()


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Raise the errors of stores as those of the application."""
    try:
        yield
    except (InvalidText, UnicodeEncodeError):
        raise InvalidInput(
            "a name or an id contains a lone surrogate or a null character"
        ) from None
    except StoreUnavailable as error:
        raise ServiceUnavailable(
            "The queue of jobs is not available", retry_after_seconds=1
        ) from error
