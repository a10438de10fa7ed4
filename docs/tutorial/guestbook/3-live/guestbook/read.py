"""The actions that read the guest book."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Field, Inputs, NotFound
from actionhero_db import Page, Pagination
from actionhero_web import Route
from guestbook.entries import EntryView, entry_view
from guestbook.models import Entry


class EntryList(TypedDict):
    """One page of entries."""

    entries: list[EntryView]
    pagination: Pagination


class ListEntries(Action):
    """List the entries, newest first."""

    name = "guestbook:list"
    web = Route.get("/entries")

    async def run(self, inputs: Page) -> EntryList:
        entries, pagination = await inputs.fetch(Entry.all().order_by("-id"))
        return {"entries": [entry_view(entry) for entry in entries], "pagination": pagination}


class ShowInputs(Inputs):
    """The entry to show."""

    id: int = Field(ge=1, description="The id of the entry.")


class ShowEntry(Action):
    """Show one entry."""

    name = "guestbook:show"
    web = Route.get("/entries/{id}")

    async def run(self, inputs: ShowInputs) -> EntryView:
        entry = await Entry.get_or_none(id=inputs.id)
        if entry is None:
            raise NotFound(f"Entry {inputs.id} not found", key="id", value=inputs.id)
        return entry_view(entry)
