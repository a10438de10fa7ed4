"""See who is here."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_channels import Channels
from actionhero_chat.fields import ChannelName
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route


class Members(TypedDict):
    """Who is in a channel."""

    #: Their presence keys: of `messages`, the ids of users, as text.
    members: list[str]


class ChannelMembersInputs(Inputs):
    """Which channel is looked at."""

    channel: ChannelName = Field(description="The name of the channel.")


class ChannelMembers(Action):
    """See who is in a channel."""

    name = "channel:members"
    web = Route.get("/channel/{channel}/members")
    openapi = Operation(errors=[], examples={"who reads": {"channel": "messages"}})
    middleware = [RequireSession()]

    async def run(self, inputs: ChannelMembersInputs, call: Call) -> Members:
        return {"members": await call.get(Channels).members(inputs.channel)}
