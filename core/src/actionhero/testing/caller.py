"""The test caller, which calls actions in the process of the test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, overload

from actionhero.connection import Connection
from actionhero.inputs.payloads import ValidatedPayload, ValuePayload
from actionhero.streams import Chunk, Stream
from actionhero.testing.typed_calls import TypedCalls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Mapping

    from actionhero.app import App
    from actionhero.call import Outcome, WithInputs, WithoutInputs
    from actionhero.identity.principal import Principal
    from actionhero.streams import Event

Input = TypeVar("Input")
Result = TypeVar("Result")


class Caller(TypedCalls):
    """A client that calls actions over one connection, with one session.

    Args:
        app: The running application.
        remote: The address of the client.
        principal: The principal of the calls; by default the user of the session, if there is one.
        idempotency_key: The idempotency key of the calls.
    """

    def __init__(
        self,
        app: App,
        remote: str | None = None,
        *,
        principal: Principal | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self._app = app
        self._idempotency_key = idempotency_key
        self.connection = Connection("test", remote)
        self.connection.principal = principal

    async def _call(self, action: str | type, inputs: dict[str, Any]) -> Any:
        if isinstance(action, type):
            action = self._app.actions.of_type(action).name
        value = (await self.outcome(action, **inputs)).unwrap()
        return self._app.actions.find(action).declared(value)

    async def _call_class(self, action: type, inputs: Any) -> Any:
        return await self.run(action, inputs)

    async def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Any]:
        """Call an action that streams, and yield its items.

        The action waits for the iteration. To stop before the end, close this generator, as in
        `async with contextlib.aclosing(caller.stream("count")) as items`. This ends the call like
        a disconnect of a client.

        Raises:
            TypedError: The action failed, before the first item or later.
        """
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def sink(item: Any) -> None:
            items.put_nowait(item.content if isinstance(item, Chunk) else item.value)
            await items.join()

        task = asyncio.create_task(
            self._app.pipeline.execute(
                self.connection, action, ValuePayload(inputs, refuse_unknown=True), sink=sink
            )
        )
        task.add_done_callback(lambda _: items.put_nowait(task))
        try:
            while (item := await items.get()) is not task:
                yield item
                items.task_done()
            value = task.result().unwrap()
            if not (value is None or isinstance(value, Stream)):
                raise TypeError(f"action {action!r} does not stream; use call")
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def outcome(self, action: str, /, **inputs: Any) -> Outcome:
        """Call an action by name, and return the outcome: a value or an error."""
        return await self._app.pipeline.execute(
            self.connection,
            action,
            ValuePayload(inputs, refuse_unknown=True),
            idempotency_key=self._idempotency_key,
        )

    @overload
    async def run(self, action: WithInputs[Input, Awaitable[Result]], inputs: Input) -> Result: ...
    @overload
    async def run(self, action: WithoutInputs[Awaitable[Result]]) -> Result: ...
    @overload
    async def run(
        self, action: WithInputs[Input, AsyncIterable[Event[Result]]], inputs: Input
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Event[Result]]]) -> list[Result]: ...
    @overload
    async def run(
        self, action: WithInputs[Input, AsyncIterable[Result]], inputs: Input
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Result]]) -> list[Result]: ...
    @overload
    async def run(self, action: type, inputs: Mapping[str, Any]) -> Any: ...
    async def run(self, action: type, inputs: Any = None) -> Any:
        """Call an action by its class, and return its result; inputs and result are typed.

        Raises:
            TypedError: The action failed.
        """
        registered = self._app.actions.of_type(action)
        outcome = await self._app.pipeline.execute(
            self.connection,
            registered.name,
            ValidatedPayload(inputs),
            idempotency_key=self._idempotency_key,
        )
        return registered.declared(outcome.unwrap())
