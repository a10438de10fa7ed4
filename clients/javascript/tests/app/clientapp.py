"""The server of the tests of the JavaScript client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator  # noqa: TC003 - an annotation of `run`
from typing import Any

from actionhero import Action, Call, ChannelRefused, Event, Field, Inputs, RateLimited, Stream
from actionhero_channels import Channel, Channels, Subscription
from actionhero_websocket import ConnectionListener, Connections, LiveConnection

#: The names with which `slow` was called.
calls: list[str] = []
released = asyncio.Event()
ended = asyncio.Semaphore(0)


class Room(Channel):
    """With history and presence."""

    name = "room:{id}"
    history = 1000


class Short(Channel):
    """With a history of two broadcasts."""

    name = "short:{id}"
    history = 2


class Live(Channel):
    """Without history."""

    name = "live"


class Members(Channel):
    """For signed-in users."""

    name = "members"
    history = 10

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class SayInputs(Inputs):
    channel: str
    text: str = Field(min_length=1)
    count: int = 1


class Say(Action):
    """Broadcast a text, or several with a number each."""

    name = "say"
    websocket = True

    async def run(self, inputs: SayInputs, call: Call) -> dict[str, Any]:
        channels = call.get(Channels)
        texts = [inputs.text] if inputs.count == 1 else [
            f"{inputs.text} {number}" for number in range(inputs.count)
        ]  # fmt: skip
        return {"ids": [await channels.broadcast(inputs.channel, text, "say") for text in texts]}


class NotifyInputs(Inputs):
    user: int
    message: Any


class Notify(Action):
    """Send a message to all connections of a user."""

    name = "notify"
    websocket = True

    async def run(self, inputs: NotifyInputs, call: Call) -> dict[str, Any]:
        return {"sent": await call.get(Connections).send_to_user(inputs.user, inputs.message)}


class Welcome(ConnectionListener):
    """Greet the clients with a user."""

    async def on_connect(self, connection: LiveConnection) -> None:
        if connection.user is not None:
            connection.send({"welcome": connection.user})


class PresentInputs(Inputs):
    channel: str


class Present(Action):
    """Return the presence keys of a channel."""

    name = "present"
    websocket = True

    async def run(self, inputs: PresentInputs, call: Call) -> dict[str, Any]:
        return {"members": await call.get(Channels).members(inputs.channel)}


class SlowInputs(Inputs):
    name: str


class Slow(Action):
    """Return after `release`."""

    name = "slow"
    websocket = True

    async def run(self, inputs: SlowInputs) -> dict[str, Any]:
        calls.append(inputs.name)
        await released.wait()
        return {"calls": calls}


class Release(Action):
    """End the calls of `slow`."""

    name = "release"
    websocket = True

    async def run(self) -> dict[str, Any]:
        released.set()
        released.clear()
        return {"calls": calls}


class Limited(Action):
    """Refuse the first two calls."""

    name = "limited"
    websocket = True

    async def run(self) -> dict[str, Any]:
        calls.append("limited")
        if calls.count("limited") < 3:
            raise RateLimited("Too many calls")
        return {"calls": calls.count("limited")}


class CountInputs(Inputs):
    to: int = 3
    fails: bool = False


class Count(Action):
    """Count, and then fail if asked to."""

    name = "count"
    websocket = True

    async def run(self, inputs: CountInputs) -> AsyncIterator[Event[int]]:
        for number in range(1, inputs.to + 1):
            yield Event(number, event="number", id=str(number))
        if inputs.fails:
            raise ChannelRefused("no more numbers")


class Endless(Action):
    """Stream without an end."""

    name = "endless"
    websocket = True

    async def run(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "two\nlines"
                await asyncio.sleep(0.01)
        finally:
            ended.release()


class Ended(Action):
    """Wait for the end of a call of `endless`."""

    name = "ended"
    websocket = True

    async def run(self) -> dict[str, Any]:
        await ended.acquire()
        return {}


class Text(Action):
    """Stream text."""

    name = "text"
    websocket = True

    async def run(self) -> Stream:
        async def chunks() -> AsyncIterator[str]:
            yield "one, "
            yield "two"

        return Stream(chunks())


class SignIn(Action):
    """Start a session."""

    name = "sign-in"
    web = "PUT /session"

    async def run(self, call: Call) -> dict[str, Any]:
        await call.session.regenerate()
        call.session["userId"] = 7
        return {}


class SignOut(Action):
    """End the session."""

    name = "sign-out"
    web = "DELETE /session"

    async def run(self, call: Call) -> dict[str, Any]:
        await call.session.destroy()
        return {}


class Who(Action):
    """Return the user of the session."""

    name = "who"
    web = "GET /who"

    async def run(self, call: Call) -> dict[str, Any]:
        return {"user": call.session.get("userId")}
