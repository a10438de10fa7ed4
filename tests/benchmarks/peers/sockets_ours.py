"""An application of ours with a socket: an action, a channel, and a broadcast."""

from __future__ import annotations

from tests.benchmarks.peers import ours, work

from actionhero import Action, Call, Inputs
from actionhero_channels import Channel, Channels, Subscription


class News(Channel):
    """The channel of the broadcasts."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return no presence key: the peers have no presence either."""
        return None


class MakeUser(Action):
    """Handle a validated call."""

    name = "user:create"
    websocket = True

    async def run(self, inputs: ours.NewUserInputs) -> ours.Made:
        return {"user": work.new_user(inputs.name, inputs.email)}


class SignIn(Action):
    """Sign in, over HTTP."""

    name = "session:create"
    web = "PUT /session"

    async def run(self, call: Call) -> None:
        call.session["userId"] = 7


class PublishInputs(Inputs):
    """The text to broadcast."""

    text: str


class Publish(Action):
    """Broadcast a text."""

    name = "publish"
    websocket = True

    async def run(self, inputs: PublishInputs, call: Call) -> None:
        await call.get(Channels).broadcast("news", inputs.text)
