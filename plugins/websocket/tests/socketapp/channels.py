"""Channels that the tests join, and the action by which they are told something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import Action, Call, ChannelRefused, Inputs
from actionhero_channels import Channel, Channels

if TYPE_CHECKING:
    from actionhero_channels import Subscription


class News(Channel):
    """What everybody may hear."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Log(Channel):
    """What can be heard later."""

    name = "log:{name}"
    history = 20

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Long(Channel):
    """What can be heard later, however much it is."""

    name = "long:{name}"
    history = 100_000

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Members(Channel):
    """For who has signed in, who is seen there."""

    name = "messages"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class Many(Channel):
    """One of many."""

    name = "many:{number}"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Broken(Channel):
    """Fails as nobody foresaw."""

    name = "broken"

    async def authorize(self, subscription: Subscription) -> None:
        raise RuntimeError("expected Traceback")


class TellInputs(Inputs):
    channel: str
    message: Any
    sender: str | None = None


class Tell(Action):
    """Broadcast something."""

    name = "tell"
    web = "POST /tell"

    async def run(self, inputs: TellInputs, call: Call) -> dict[str, Any]:
        said = {"sender": inputs.sender} if inputs.sender else {}
        return {"id": await call.get(Channels).broadcast(inputs.channel, inputs.message, **said)}


class Joined(Action):
    """Tell how many connections of this process are in each channel."""

    name = "joined"
    websocket = True

    async def run(self, call: Call) -> dict[str, Any]:
        return {"joined": dict(call.get(Channels).subscriber_counts)}
