"""Taking old entries out of the book."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from actionhero import Action, Field, Inputs
from actionhero_tasks import Task
from guestbook.models import Entry


class ForgetInputs(Inputs):
    """What is old."""

    days: int = Field(default=365, ge=0, description="Entries that are older are deleted.")


class Forgotten(TypedDict):
    """How many entries were deleted."""

    forgotten: int


class Forget(Action):
    """Delete old entries."""

    name = "guestbook:forget"
    task = Task(cron="0 3 * * *", timezone="Europe/Lisbon")

    async def run(self, inputs: ForgetInputs) -> Forgotten:
        limit = datetime.now(UTC) - timedelta(days=inputs.days)
        return {"forgotten": await Entry.filter(written_at__lt=limit).delete()}
