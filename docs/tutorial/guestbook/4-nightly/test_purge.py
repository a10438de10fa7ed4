"""Tests of the nightly job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from actionhero.testing import RunningApp
from actionhero_tasks import Tasks
from guestbook.models import Entry
from guestbook.purge import Purge
from pytest_actionhero import JobQueue


async def test_only_old_entries_are_deleted(app: RunningApp, job_queue: JobQueue) -> None:
    """The job deletes an entry of last year, and keeps an entry of today."""
    old = await app.call("guestbook:sign", name="Ada", text="A nice view!")
    new = await app.call("guestbook:sign", name="Grace", text="Indeed!")
    last_year = datetime.now(UTC) - timedelta(days=366)
    await Entry.filter(id=old["id"]).update(written_at=last_year)

    await app.get(Tasks).enqueue(Purge)
    await job_queue.drain()

    assert await Entry.all().values_list("id", flat=True) == [new["id"]]
