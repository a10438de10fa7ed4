"""An entry, as readers see it."""

from __future__ import annotations

from typing import TypedDict

from guestbook.models import Entry


class EntryShown(TypedDict):
    """An entry in the book."""

    id: int
    name: str
    text: str
    written_at: str


def shown(entry: Entry) -> EntryShown:
    """Return what readers see of an entry."""
    return {
        "id": entry.id,
        "name": entry.name,
        "text": entry.text,
        "written_at": entry.written_at.isoformat(),
    }
