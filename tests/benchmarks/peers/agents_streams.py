"""An application of ours with a resource whose changes are announced to agents."""

from __future__ import annotations

from actionhero import Action, Call
from actionhero_channels import Channel, Channels


class News(Channel):
    """The channel of the changes."""

    name = "news"


class ShowNews(Action):
    """Show the news."""

    name = "news:view"
    mcp = {"resource": {"uri": "news://today", "updates": "news"}}

    async def run(self) -> str:
        return "nothing"


class Publish(Action):
    """Announce a change, over HTTP."""

    name = "publish"
    web = "POST /publish"

    async def run(self, call: Call) -> None:
        await call.get(Channels).broadcast("news", "changed")
