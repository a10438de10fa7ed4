"""Writing in the guest book."""

from __future__ import annotations

from typing import TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_web import Route


class SignInputs(Inputs):
    """Who writes, and what."""

    name: str = Field(min_length=1, max_length=80, description="Who writes.")
    text: str = Field(min_length=1, max_length=500, description="What to write.")


class Entry(TypedDict):
    """An entry in the book."""

    entry: str
    words: int


class Sign(Action):
    """Write an entry in the guest book."""

    name = "guestbook:sign"
    web = Route.post("/entries", status=201)

    async def run(self, inputs: SignInputs, call: Call) -> Entry:
        return {
            "entry": f"{inputs.text} ({inputs.name})",
            "words": len(inputs.text.split()),
        }
