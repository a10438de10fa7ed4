"""The action that adds an entry to the guest book."""

from __future__ import annotations

from actionhero import Action, Call, Field, Inputs
from actionhero_channels import Channels
from actionhero_db import Database, Transaction
from actionhero_web import Route
from guestbook.entries import EntryView, entry_view
from guestbook.models import Entry


class SignInputs(Inputs):
    """A new entry."""

    name: str = Field(min_length=1, max_length=80, description="The name of the author.")
    text: str = Field(min_length=1, max_length=500, description="The text of the entry.")


class Sign(Action):
    """Add an entry to the guest book."""

    name = "guestbook:sign"
    web = Route.post("/entries", status=201)
    middleware = [Transaction()]

    async def run(self, inputs: SignInputs, call: Call) -> EntryView:
        entry = await Entry.create(name=inputs.name, text=inputs.text)
        view = entry_view(entry)
        await call.get(Database).after_commit(
            call.get(Channels).broadcast, "entries", view, inputs.name
        )
        return view
