"""Writing in the guest book."""

from __future__ import annotations

from actionhero import Action, Call, Field, Inputs
from actionhero_channels import Channels
from actionhero_db import Database, Transaction
from actionhero_web import Route
from guestbook.entries import EntryShown, shown
from guestbook.models import Entry


class SignInputs(Inputs):
    """Who writes, and what."""

    name: str = Field(min_length=1, max_length=80, description="Who writes.")
    text: str = Field(min_length=1, max_length=500, description="What to write.")


class Sign(Action):
    """Write an entry in the guest book."""

    name = "guestbook:sign"
    web = Route.post("/entries", status=201)
    middleware = [Transaction()]

    async def run(self, inputs: SignInputs, call: Call) -> EntryShown:
        entry = await Entry.create(name=inputs.name, text=inputs.text)
        told = shown(entry)
        await call.get(Database).after_commit(
            call.get(Channels).broadcast, "entries", told, inputs.name
        )
        return told
