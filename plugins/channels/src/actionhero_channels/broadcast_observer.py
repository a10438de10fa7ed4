"""`BroadcastObserver`: sees the broadcasts that this process sends, for traces."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from actionhero.transport import ObserverFailures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

logger = logging.getLogger("actionhero.channels")


@runtime_checkable
class BroadcastObserver(Protocol):
    """An observer of broadcasts, from the hook `actionhero_channels_observers`.

    Any object with these methods is one, so a plugin does not have to import this package. They are
    called in the context of the code that broadcasts, and must not block. Their exceptions are
    logged once for each class, and change nothing.
    """

    def broadcasting(self, channel: str, declared: str) -> Any:
        """Handle the beginning of a broadcast.

        Args:
            channel: The name of the channel.
            declared: The name as it is declared, without values of parameters.

        Returns:
            Anything; passed to `broadcast`.
        """

    def broadcast(self, id: str | None, error: BaseException | None, mark: Any) -> None:
        """Handle the end of a broadcast. Always called, and once.

        Args:
            id: The identifier of the broadcast; `None` after an error.
            error: The error.
            mark: The result of `broadcasting`; `None` if it raised.
        """


class Sent:
    """The result of a broadcast."""

    id: str | None = None


class BroadcastObservers:
    """The observers of an application, whose exceptions change nothing.

    Args:
        observers: The observers, at least one.
    """

    def __init__(self, observers: Sequence[BroadcastObserver]) -> None:
        self._observers = tuple(observers)
        self._failures = ObserverFailures("broadcast observer", logger)

    @asynccontextmanager
    async def observe(self, channel: str, declared: str) -> AsyncIterator[Sent]:
        """Call `broadcasting` of all observers, and after the block `broadcast` in reverse order.

        Set the `id` of the result in the block.
        """
        marks = [self._call(item, item.broadcasting, channel, declared) for item in self._observers]
        sent = Sent()
        failure: BaseException | None = None
        try:
            yield sent
        except BaseException as error:
            failure = error
            raise
        finally:
            for observer, mark in zip(reversed(self._observers), reversed(marks), strict=True):
                self._call(observer, observer.broadcast, sent.id, failure, mark)

    def _call(self, observer: BroadcastObserver, method: Any, *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception as error:  # noqa: BLE001 - of a plugin
            self._failures.report(observer, error)
            return None
