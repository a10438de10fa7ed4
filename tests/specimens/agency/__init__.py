"""An application for agents of several users: rooms with messages, and a report as a job."""

from __future__ import annotations

import asyncio
from typing import Any

from actionhero import Action, Call, ChannelRefused, Inputs, SignedIn, hookimpl
from actionhero_channels import Channel, Channels, Subscription
from actionhero_mcp import Resource, Tool
from actionhero_redis import RedisClients
from actionhero_tasks import Task


class SignInInputs(Inputs):
    """The name."""

    name: str


class SignIn(Action):
    """Sign in."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, inputs: SignInInputs, call: Call) -> None:
        await call.session.regenerate()
        call.session["userId"] = inputs.name


class Me(Action):
    """Return the user."""

    name = "me"
    mcp = Tool(read_only=True)
    requires = SignedIn()

    async def run(self, call: Call) -> dict[str, Any]:
        return {"user": call.principal.user}


class Ask(Action):
    """Ask for a name."""

    name = "ask"
    mcp = Tool(read_only=True)

    async def run(self, call: Call) -> dict[str, str]:
        answer = await call.ask("What is your name?", SignInInputs)
        return {"answer": answer.value.name if answer.value else answer.action}


class Wait(Action):
    """Wait until it is cancelled."""

    name = "wait"
    mcp = Tool(read_only=True)

    async def run(self, call: Call) -> None:
        call.progress(1)
        await asyncio.sleep(60)


class Private(Channel):
    """The messages of a user."""

    name = "room:{user}"

    async def authorize(self, subscription: Subscription) -> None:
        if subscription.session.get("userId") != subscription.params["user"]:
            raise ChannelRefused("This is the room of another user")


class RoomInputs(Inputs):
    """A room."""

    user: str


class Room(Action):
    """View the messages to a user."""

    name = "room:view"
    mcp = Resource("rooms://{user}", updates="room:{user}")

    async def run(self, inputs: RoomInputs) -> str:
        return f"The room of {inputs.user}"


class Write(Action):
    """Write to a user."""

    name = "room:write"
    mcp = Tool(scopes=["messages:write"])

    async def run(self, inputs: RoomInputs, call: Call) -> None:
        await call.get(Channels).broadcast(f"room:{inputs.user}", "a secret")


class ReportInputs(Inputs):
    """The name of a report."""

    key: str


class Report(Action):
    """Write a report, which takes until something is in a list, or three seconds."""

    name = "report"
    task = Task(retries=0)
    mcp = Tool(task=True)

    async def run(self, inputs: ReportInputs, call: Call) -> dict[str, Any]:
        redis = call.get(RedisClients)
        runs = await redis.execute("INCR", f"runs:{inputs.key}")
        await redis.execute("RPUSH", f"started:{inputs.key}", 1)
        await redis.blocking.blpop([f"go:{inputs.key}"], timeout=3)
        return {"runs": runs}


@hookimpl
def actionhero_channels() -> list[type[Channel]]:
    """Add the channel of rooms."""
    return [Private]
