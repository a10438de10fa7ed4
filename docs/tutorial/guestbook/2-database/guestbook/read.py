"""Reading in the guest book."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Field, Inputs, NotFound
from actionhero_db import Page, Pagination
from actionhero_web import Route
from guestbook.entries import EntryShown, shown
from guestbook.models import Entry


class EntriesShown(TypedDict):
    """A page of the book."""

    entries: list[EntryShown]
    pagination: Pagination


class ListEntries(Action):
    """List the entries, the newest first."""

    name = "guestbook:list"
    web = Route.get("/entries")

    async def run(self, inputs: Page) -> EntriesShown:
        entries, pagination = await inputs.fetch(Entry.all().order_by("-id"))
        return {"entries": [shown(entry) for entry in entries], "pagination": pagination}


class ShowInputs(Inputs):
    """Which entry."""

    id: int = Field(ge=1, description="The number of the entry.")


class ShowEntry(Action):
    """Show one entry."""

    name = "guestbook:show"
    web = Route.get("/entries/{id}")

    async def run(self, inputs: ShowInputs) -> EntryShown:
        entry = await Entry.get_or_none(id=inputs.id)
        if entry is None:
            raise NotFound(f"There is no entry {inputs.id}", key="id", value=inputs.id)
        return shown(entry)
