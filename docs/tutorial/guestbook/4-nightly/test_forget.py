"""The guest book as the night finds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from actionhero.testing import RunningApp
from actionhero_tasks import Tasks
from guestbook.forget import Forget
from guestbook.models import Entry
from pytest_actionhero import JobQueue


async def test_only_what_is_old_is_forgotten(app: RunningApp, job_queue: JobQueue) -> None:
    """The job deletes an entry of last year, and leaves one of today."""
    old = await app.call("guestbook:sign", name="Ada", text="What a view!")
    new = await app.call("guestbook:sign", name="Grace", text="Indeed!")
    a_year_ago = datetime.now(UTC) - timedelta(days=366)
    await Entry.filter(id=old["id"]).update(written_at=a_year_ago)

    await app.get(Tasks).enqueue(Forget)
    await job_queue.drain()

    assert await Entry.all().values_list("id", flat=True) == [new["id"]]
