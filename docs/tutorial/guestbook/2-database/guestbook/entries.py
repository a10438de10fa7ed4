"""The JSON representation of an entry."""

from __future__ import annotations

from typing import TypedDict

from guestbook.models import Entry


class EntryView(TypedDict):
    """An entry of the guest book, as JSON."""

    id: int
    name: str
    text: str
    written_at: str


def entry_view(entry: Entry) -> EntryView:
    """Return the JSON representation of an entry."""
    return {
        "id": entry.id,
        "name": entry.name,
        "text": entry.text,
        "written_at": entry.written_at.isoformat(),
    }
