"""Actions that count messages per user in the background: one job per user, one status for all."""

from __future__ import annotations

from typing import Any, TypedDict

from actionhero import Action, Call, Field, Inputs
from actionhero_chat.fields import RowId
from actionhero_chat.ops import messages, users
from actionhero_tasks import Tasks


class Digest(TypedDict):
    """The number of messages of one user."""

    user: int
    messages: int


class DigestsId(TypedDict):
    """The identifier of a run of `users:digest`."""

    digests: str


class DigestsStatus(TypedDict):
    """The progress of a run of `users:digest`."""

    total: int
    completed: int
    failed: int
    #: The digests that are available so far, a hundred at most.
    digests: list[Any]


class UserDigestInputs(Inputs):
    """The inputs of `user:digest`."""

    user: RowId = Field(description="The id of the user.")


class UserDigest(Action):
    """Count the messages of a user."""

    name = "user:digest"

    async def run(self, inputs: UserDigestInputs) -> Digest:
        return {"user": inputs.user, "messages": await messages.count_by_user(inputs.user)}


class UsersDigest(Action):
    """Count the messages of every user, in the background."""

    name = "users:digest"

    async def run(self, call: Call) -> DigestsId:
        payloads = ({"user": id} async for id in users.iter_ids())
        return {"digests": await call.get(Tasks).fan_out(UserDigest, payloads)}


class DigestsViewInputs(Inputs):
    """The inputs of `digests:view`."""

    digests: str = Field(min_length=1, description="The identifier that users:digest returned.")


class DigestsView(Action):
    """Return the progress and the results of a run of users:digest."""

    name = "digests:view"

    async def run(self, inputs: DigestsViewInputs, call: Call) -> DigestsStatus:
        status = await call.get(Tasks).fan_out_status(inputs.digests)
        return {
            "total": status.total,
            "completed": status.completed,
            "failed": status.failed,
            "digests": list(status.results),
        }
