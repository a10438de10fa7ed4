"""`Client`: calls, streams and subscriptions over one connection."""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from actionhero_websocket.client.channels import Channels
from actionhero_websocket.client.connection import ClientConnection
from actionhero_websocket.client.encoding import plain_inputs
from actionhero_websocket.client.errors import parse_error
from actionhero_websocket.client.events import decode_data, parse_event
from actionhero_websocket.client.options import CallOptions
from actionhero_websocket.client.requests import Requests
from actionhero_websocket.client.results import ResultType
from actionhero_websocket.client.subscription import Subscription, SubscriptionGroup

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Iterable,
        Mapping,
    )
    from datetime import timedelta

    import aiohttp

    from actionhero import Event
    from actionhero.transport import WithInputs, WithoutInputs
    from actionhero_websocket.client.events import ClientEvent, Presence, State
    from actionhero_websocket.client.handshake import Handshake
    from actionhero_websocket.client.options import ClientOptions
    from actionhero_websocket.client.subscription import MemberLoader

Input = TypeVar("Input")
Result = TypeVar("Result")

logger = logging.getLogger("actionhero.websocket.client")


class Client:
    """A client of a WebSocket server; created by `connect`.

    Args:
        http: The session for handshakes.
        handshake: The request of the handshake.
        options: The options of the client.
    """

    def __init__(
        self, http: aiohttp.ClientSession, handshake: Handshake, options: ClientOptions
    ) -> None:
        self._listeners: list[Callable[[ClientEvent], object]] = []
        self._timeout = options.timeout
        self._connection = ClientConnection(http, handshake, options, self._notify)
        self._requests = Requests(self._connection)
        self._channels = Channels(self._requests, self._notify)
        self._connection.subscriptions = self._channels

    # -- connection ----------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect; `connect` does it at the start of its block.

        Raises:
            ConnectionLost: The server is unreachable, or refused the connection.
        """
        await self._connection.open()

    @property
    def state(self) -> State:
        """The state: `connecting`, `open`, `waiting` (until the next attempt) or `closed`."""
        return self._connection.state

    @property
    def reconnections(self) -> int:
        """How often the connection was lost and restored."""
        return self._connection.reconnections

    def listen(self, listener: Callable[[ClientEvent], object]) -> Callable[[], None]:
        """Call `listener` with each event of the client.

        A listener that is added in the block of `connect` before the first `await` misses no
        message of the server, not even one that `ConnectionListener.on_connect` has sent.

        Returns:
            A function that removes the listener.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def reconnect(self, *, session: str | None = None) -> None:
        """Close the connection, and open a new one at once.

        Args:
            session: The value of the session cookie from now on; `None`: the same as before.

        Raises:
            ConnectionLost: The server refused the connection for good.
        """
        handshake = self._connection.handshake
        if session is not None:
            handshake = replace(handshake, session=session)
        await self._connection.reconnect(handshake)

    async def close(self) -> None:
        """Close the connection for good; `connect` does it at the end of its block."""
        await self._connection.close()

    # -- calls ---------------------------------------------------------------------------------

    @overload
    async def call(
        self, action: WithInputs[Any, Awaitable[Result]], /, **inputs: Any
    ) -> Result: ...
    @overload
    async def call(self, action: WithoutInputs[Awaitable[Result]], /, **inputs: Any) -> Result: ...
    @overload
    async def call(self, action: str | type, /, **inputs: Any) -> Any: ...
    async def call(self, action: str | type, /, **inputs: Any) -> Any:
        """Call an action by its name or class, and return its result.

        While the connection is lost, this waits until it is restored. `run` has more options.

        Raises:
            CallFailed: The server answered with an error.
            ConnectionLost: There is no response; if it was sent, the action may have run or not.
            InvalidInputs: The inputs cannot be sent.
            InvalidResult: The result does not match the return annotation of the class.
            TimeoutError: The timeout of the client has passed; the action may have run or not.
        """
        return await self.run(action, inputs)

    @overload
    async def run(
        self, action: str | type, inputs: Any = None, *, result: type[Result],
        timeout: timedelta | None = None, idempotent: bool = False,
        retry_rate_limited: bool = False,
    ) -> Result: ...  # fmt: skip
    @overload
    async def run(
        self, action: WithInputs[Input, Awaitable[Result]], inputs: Input, *, result: None = None,
        timeout: timedelta | None = None, idempotent: bool = False,
        retry_rate_limited: bool = False,
    ) -> Result: ...  # fmt: skip
    @overload
    async def run(
        self, action: WithoutInputs[Awaitable[Result]], inputs: None = None, *,
        result: None = None, timeout: timedelta | None = None, idempotent: bool = False,
        retry_rate_limited: bool = False,
    ) -> Result: ...  # fmt: skip
    @overload
    async def run(
        self, action: str | type, inputs: Any = None, *, result: Any = None,
        timeout: timedelta | None = None, idempotent: bool = False,
        retry_rate_limited: bool = False,
    ) -> Any: ...  # fmt: skip
    async def run(
        self,
        action: str | type,
        inputs: Any = None,
        *,
        result: Any = None,
        timeout: timedelta | None = None,
        idempotent: bool = False,
        retry_rate_limited: bool = False,
    ) -> Any:
        """Call an action, with options, and return its result.

        Args:
            action: The name of the action, or its class, whose return annotation is the type of
                the result.
            inputs: A mapping, a model or a dataclass; `None` without inputs.
            result: The type of the result: any annotation that pydantic supports.
            timeout: How long to wait for the response; by default, that of the client.
            idempotent: Whether calling it twice has the effect of once. It is sent again if the
                connection is lost before the response.
            retry_rate_limited: Whether it is sent again, after a delay, if a rate limit of the
                action refuses it.

        Raises:
            CallFailed: The server answered with an error.
            ConnectionLost: There is no response; if it was sent, the action may have run or not.
            InvalidInputs: The inputs cannot be sent.
            InvalidResult: The result does not match the type; the action has run.
            TimeoutError: The timeout has passed; the action may have run or not.
            TypeError: The action streams.
        """
        expected = ResultType.of(action, result)
        message = _call_message(expected.name, inputs)
        options = CallOptions(
            timeout=self._timeout if timeout is None else timeout,
            idempotent=idempotent,
            retry_rate_limited=retry_rate_limited,
        )
        reply = await self._requests.request(message, options=options)
        return expected.parse(reply.get("response"))

    async def stream(self, action: str | type, /, **inputs: Any) -> AsyncGenerator[Event[Any]]:
        """Call an action that is an async generator, and yield its events as they arrive.

        Data that are JSON are decoded, also text that looks like it. With a class, they have the
        type of its return annotation.
        To stop before the end, close this generator, as in
        `async with contextlib.aclosing(client.stream("count")) as events`; the server ends the
        call.

        Raises:
            CallFailed: The action failed, before the first item or later.
            ConnectionLost: The connection was lost.
            InvalidInputs: The inputs cannot be sent.
            InvalidResult: An item does not match the return annotation of the class.
        """
        expected = ResultType.of(action)
        async with aclosing(self.chunks(expected.name, **inputs)) as chunks:
            async for chunk in chunks:
                event = parse_event(chunk)
                if event.event == "error":
                    data = decode_data(event.data)
                    if isinstance(data, dict) and "error" in data:
                        raise parse_error(data["error"])
                yield event.with_data(expected.parse_item(event.data))

    async def chunks(self, action: str | type, /, **inputs: Any) -> AsyncGenerator[str]:
        """Call an action that returns a `Stream`, and yield its chunks as text; see `stream`."""
        message = _call_message(ResultType.of(action).name, inputs)
        async with aclosing(self._requests.stream(message)) as chunks:
            async for chunk in chunks:
                yield chunk

    # -- channels ------------------------------------------------------------------------------

    def subscribe(
        self,
        channel: str,
        *,
        since: str | None = None,
        on_presence: Callable[[Presence], object] | None = None,
        load_members: MemberLoader | None = None,
    ) -> Subscription:
        """Subscribe to a channel for the duration of an `async with` block.

        Args:
            channel: The name of the channel.
            since: The id of the last message of an earlier subscription, to receive the messages
                after it.
            on_presence: Called when a subscriber has joined or left.
            load_members: Returns the presence keys of the channel, perhaps by a call. It is called
                after each subscription, also after a reconnect; `Subscription.members` follows.

        Raises:
            CallFailed: On entering: the server refused the subscription.
            ConnectionLost: On entering: the connection has ended.
        """
        return Subscription(
            self._channels, channel, since, on_presence=on_presence, load_members=load_members
        )

    def subscribe_many(
        self, channels: Iterable[str], *, since: Mapping[str, str | None] | None = None
    ) -> SubscriptionGroup:
        """Subscribe to several channels for the duration of an `async with` block.

        One message subscribes to up to 100 channels.

        Args:
            channels: The names of the channels.
            since: By channel: the id of the last message of an earlier subscription.

        Raises:
            CallFailed: On entering: the server refused one of them; none is subscribed to.
            ConnectionLost: On entering: the connection has ended.
        """
        return SubscriptionGroup(self._channels, channels, since or {})

    def _notify(self, event: ClientEvent) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener of the client failed")


def _call_message(name: str, inputs: Any) -> dict[str, Any]:
    return {"messageType": "action", "action": name, "params": plain_inputs(inputs)}
