"""An application of ours with a socket: an action, a channel, and who broadcasts in it."""

from __future__ import annotations

from tests.benchmarks.peers import ours, work

from actionhero import Action, Call, Inputs
from actionhero_channels import Channel, Channels, Subscription


class News(Channel):
    """What everybody hears."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return that nobody is told of: the others tell of nobody either."""
        return None


class MakeUser(Action):
    """Answer a validated call."""

    name = "user:create"
    websocket = True

    async def run(self, inputs: ours.NewUserInputs) -> ours.Made:
        return {"user": work.new_user(inputs.name, inputs.email)}


class PublishInputs(Inputs):
    """What is told."""

    text: str


class Publish(Action):
    """Tell everybody."""

    name = "publish"
    websocket = True

    async def run(self, inputs: PublishInputs, call: Call) -> None:
        await call.get(Channels).broadcast("news", inputs.text)
