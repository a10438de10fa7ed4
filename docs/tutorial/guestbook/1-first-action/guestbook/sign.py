"""The action that adds an entry to the guest book."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_web import Route


class SignInputs(Inputs):
    """A new entry."""

    name: str = Field(min_length=1, max_length=80, description="The name of the author.")
    text: str = Field(min_length=1, max_length=500, description="The text of the entry.")


class Entry(TypedDict):
    """An entry of the guest book."""

    entry: str
    words: int


class Sign(Action):
    """Add an entry to the guest book."""

    name = "guestbook:sign"
    web = Route.post("/entries", status=201)

    async def run(self, inputs: SignInputs, call: Call) -> Entry:
        return {
            "entry": f"{inputs.text} ({inputs.name})",
            "words": len(inputs.text.split()),
        }
