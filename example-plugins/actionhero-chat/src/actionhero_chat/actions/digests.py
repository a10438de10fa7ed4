"""Count what everybody has written: one job for each user, all of them counted as one."""

from __future__ import annotations

from typing import Any, TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_chat.fields import RowId
from actionhero_chat.ops import messages, users
from actionhero_tasks import Tasks


class Digest(TypedDict):
    """How much somebody has written."""

    user: int
    messages: int


class DigestsBegun(TypedDict):
    """What to ask for the digests by."""

    digests: str


class DigestsShown(TypedDict):
    """How far the digests are."""

    total: int
    completed: int
    failed: int
    #: Of those that are there already, a hundred at most.
    digests: list[Any]


class UserDigestInputs(Inputs):
    """Whose messages are counted."""

    user: RowId = Field(description="The id of the user.")


class UserDigest(Action):
    """Count the messages of a user."""

    name = "user:digest"

    async def run(self, inputs: UserDigestInputs) -> Digest:
        return {"user": inputs.user, "messages": await messages.count_of(inputs.user)}


class UsersDigest(Action):
    """Count the messages of every user, in the background."""

    name = "users:digest"

    async def run(self, call: Call) -> DigestsBegun:
        everybody = ({"user": id} async for id in users.all_ids())
        return {"digests": await call.get(Tasks).fan_out(UserDigest, everybody)}


class DigestsViewInputs(Inputs):
    """Which digests are looked at."""

    digests: str = Field(min_length=1, description="What users:digest has answered.")


class DigestsView(Action):
    """Look how far the digests are."""

    name = "digests:view"

    async def run(self, inputs: DigestsViewInputs, call: Call) -> DigestsShown:
        status = await call.get(Tasks).fan_out_status(inputs.digests)
        return {
            "total": status.total,
            "completed": status.completed,
            "failed": status.failed,
            "digests": list(status.results),
        }
