"""The job that deletes old entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from actionhero import Action, Field, Inputs
from actionhero_tasks import Task
from guestbook.models import Entry


class PurgeInputs(Inputs):
    """The entries to delete."""

    days: int = Field(default=365, ge=0, description="The age of entries to delete, in days.")


class PurgeResult(TypedDict):
    """The number of deleted entries."""

    deleted: int


class Purge(Action):
    """Delete old entries."""

    name = "guestbook:purge"
    task = Task(cron="0 3 * * *", timezone="Europe/Lisbon")

    async def run(self, inputs: PurgeInputs) -> PurgeResult:
        limit = datetime.now(UTC) - timedelta(days=inputs.days)
        return {"deleted": await Entry.filter(written_at__lt=limit).delete()}
