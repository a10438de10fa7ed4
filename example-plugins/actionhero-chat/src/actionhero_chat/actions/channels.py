"""The action that lists the members of a channel."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_channels import Channels
from actionhero_chat.fields import ChannelName
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route


class MemberList(TypedDict):
    """The members of a channel."""

    #: Presence keys. In `messages` these are user ids as text.
    members: list[str]


class ChannelMembersInputs(Inputs):
    """The inputs of `channel:members`."""

    channel: ChannelName = Field(description="The name of the channel.")


class ChannelMembers(Action):
    """List the members of a channel."""

    name = "channel:members"
    web = Route.get("/channel/{channel}/members")
    mcp = True
    openapi = Operation(errors=[], examples={"readers": {"channel": "messages"}})
    middleware = [RequireSession()]

    async def run(self, inputs: ChannelMembersInputs, call: Call) -> MemberList:
        return {"members": await call.get(Channels).members(inputs.channel)}
