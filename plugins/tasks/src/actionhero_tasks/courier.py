"""`Courier`: carries what an event loop asks to a thread that may block, and the answers back."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_END: Final = object()


class Courier:
    """One thread, which does one thing after the other.

    An executor does the same, and takes twice as long for what is over in a moment.

    Args:
        name: The thread's, for whoever looks at a process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._errands: SimpleQueue[Any] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    async def run(self, ask: Callable[[], Result]) -> Result:
        """Return what `ask` returns in the thread, or raise what it raises.

        Whoever is cancelled meanwhile does not learn what came of it.
        """
        if self._thread is None:
            self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._errands.put((ask, loop, answer))
        return await answer

    def close(self) -> None:
        """Do what was asked for, and end."""
        if self._thread is not None:
            self._errands.put(_END)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (errand := self._errands.get()) is not _END:
            ask, loop, answer = errand
            result, failure = None, None
            try:
                result = ask()
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                failure = error
            try:
                loop.call_soon_threadsafe(_give, answer, result, failure)
            except RuntimeError:
                # The loop is closed, and nobody waits.
                continue
            finally:
                # Kept till the next errand, it would keep all that it holds.
                del ask, answer, errand, result, failure


def _give(answer: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if answer.done():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)
