"""The channels of the sample application, and actions that use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Action, Call, ChannelRefused, Inputs
from actionhero_channels import Channel, Channels

from .actions import log, released  # noqa: TID252 - an application in itself
from .errors import fail  # noqa: TID252 - an application in itself

if TYPE_CHECKING:
    from actionhero_channels import Subscription


class News(Channel):
    """Without history, authorization and presence."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Log(Channel):
    """With a short history."""

    name = "log:{name}"
    history = 20

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Long(Channel):
    """With a long history."""

    name = "long:{name}"
    history = 100_000

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Members(Channel):
    """With authorization and presence."""

    name = "messages"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class Many(Channel):
    """For many subscriptions."""

    name = "many:{number}"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Broken(Channel):
    """Raises an unexpected exception."""

    name = "broken:{error}"

    async def authorize(self, subscription: Subscription) -> None:
        fail(subscription.params["error"])


class Held(Channel):
    """Subscriptions of a connection wait for the action `release` before they are confirmed."""

    name = "held"
    history = 10

    async def presence_key(self, subscription: Subscription) -> str | None:
        log("waiting for release")
        await released.wait()
        return None


class BroadcastInputs(Inputs):
    channel: str
    message: Any
    sender: str | None = None


class Broadcast(Action):
    """Broadcast a message."""

    name = "broadcast"
    web = "POST /broadcast"

    async def run(self, inputs: BroadcastInputs, call: Call) -> dict[str, Any]:
        options = {"sender": inputs.sender} if inputs.sender else {}
        channels = call.get(Channels)
        return {"id": await channels.broadcast(inputs.channel, inputs.message, **options)}


class Subscribers(Action):
    """Return the number of subscribers of this process, by channel."""

    name = "subscribers"
    websocket = True

    async def run(self, call: Call) -> dict[str, Any]:
        return {"subscribers": dict(call.get(Channels).subscriber_counts)}
