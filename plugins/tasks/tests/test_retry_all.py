"""`actionhero tasks retry --all`, while jobs fail again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks.commands.tasks import change_all_dead
from actionhero_tasks.job import SettlementKind
from actionhero_tasks.stores.sqlite.store import SqliteStore
from actionhero_tasks.testing import new_job, new_settlement

if TYPE_CHECKING:
    from pathlib import Path


def fail_jobs(store: SqliteStore) -> None:
    """Run all jobs, which fail permanently."""
    claims, _ = store.settle_and_claim("one", None, 1000)
    dead = [new_settlement(claim, SettlementKind.DEAD) for claim in claims]
    store.settle_and_claim("one", None, 0, dead)


class FailingStore(SqliteStore):
    """A store with a worker that is as fast as the command, and whose jobs fail."""

    retries = 0

    def retry(self, id: str, body: bytes | None = None) -> bool:
        self.retries += 1
        was_dead = super().retry(id, body)
        fail_jobs(self)
        return was_dead


def test_each_dead_letter_is_retried_once(tmp_path: Path) -> None:
    """Also those of the pages after the first."""
    store = FailingStore(tmp_path, result_ttl_ms=60_000)
    store.register_worker("one")
    store.add([new_job() for _ in range(250)])
    fail_jobs(store)
    progress: list[int] = []

    count = change_all_dead(store, "retry", progress.append)
    retries = store.retries
    store.close()

    assert (count, retries, progress) == (250, 250, [100, 100, 50])
