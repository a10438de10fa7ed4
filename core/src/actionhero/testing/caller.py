"""A door without a street: calls actions in the test's own process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, overload

from actionhero.connection import Connection
from actionhero.inputs.payloads import ValidatedPayload, ValuePayload
from actionhero.streams import Chunk, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable

    from actionhero.app import App
    from actionhero.call import Outcome, WithInputs, WithoutInputs
    from actionhero.streams import Event

Taken = TypeVar("Taken")
Result = TypeVar("Result")


class Caller:
    """Somebody who calls actions over one connection, and so keeps one session.

    Args:
        app: The running application.
        remote: The address to come from.
    """

    def __init__(self, app: App, remote: str | None = None) -> None:
        self._app = app
        self.connection = Connection("test", remote)

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action by name, and return its value.

        The items of an action that streams are returned as a list; of events, their data.

        Raises:
            TypedError: The action failed, or an input is wrong; one that is not declared is.
        """
        return (await self.outcome(action, **inputs)).unwrap()

    async def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Any]:
        """Call an action that streams, and yield its items as they come: what it yields itself.

        The action waits for whoever iterates. Who stops before the end closes this generator, as
        in `async with contextlib.aclosing(caller.stream("count")) as items`, and so ends the call
        as a client does that goes away.

        Raises:
            TypedError: The action failed, before the first item or after some.
        """
        ready: asyncio.Queue[Any] = asyncio.Queue()

        async def take(item: Any) -> None:
            ready.put_nowait(item.content if isinstance(item, Chunk) else item)
            await ready.join()

        calling = asyncio.create_task(
            self._app.pipeline.execute(
                self.connection, action, ValuePayload(inputs, refuse_unknown=True), sink=take
            )
        )
        calling.add_done_callback(lambda _: ready.put_nowait(calling))
        try:
            while (item := await ready.get()) is not calling:
                yield item
                ready.task_done()
            value = calling.result().unwrap()
            if not (value is None or isinstance(value, Stream)):
                raise TypeError(f"action {action!r} does not stream; use call")
        finally:
            calling.cancel()
            await asyncio.wait([calling])

    async def outcome(self, action: str, /, **inputs: Any) -> Outcome:
        """Call an action by name, and return what came of it, good or bad."""
        return await self._app.pipeline.execute(
            self.connection, action, ValuePayload(inputs, refuse_unknown=True)
        )

    @overload
    async def run(self, action: WithInputs[Taken, Awaitable[Result]], inputs: Taken) -> Result: ...
    @overload
    async def run(self, action: WithoutInputs[Awaitable[Result]]) -> Result: ...
    @overload
    async def run(
        self, action: WithInputs[Taken, AsyncIterable[Event[Result]]], inputs: Taken
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Event[Result]]]) -> list[Result]: ...
    @overload
    async def run(
        self, action: WithInputs[Taken, AsyncIterable[Result]], inputs: Taken
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Result]]) -> list[Result]: ...
    async def run(self, action: type, inputs: Any = None) -> Any:
        """Call an action by its class, with both ends typed, and return its value.

        Raises:
            TypedError: The action failed.
        """
        name = self._app.actions.of_type(action).name
        outcome = await self._app.pipeline.execute(self.connection, name, ValidatedPayload(inputs))
        return outcome.unwrap()
