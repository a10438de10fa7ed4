"""The embedded store."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from actionhero import BootError
from actionhero_tasks.job import Ending, JobState, StoreUnavailable
from actionhero_tasks.sqlite_store import SqliteStore
from actionhero_tasks.testing import StoreContract, ended, new_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from actionhero_tasks.store import JobStore

#: Claims a job in another process, and waits to be killed.
CLAIMS = """
import sys, time
from pathlib import Path
from actionhero_tasks.sqlite_store import SqliteStore

store = SqliteStore(Path(sys.argv[1]), result_ttl_ms=1000)
store.join("other")
claims, _ = store.trade("other", None, 1)
print(claims[0].id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[[], SqliteStore]:
    return lambda: SqliteStore(tmp_path, result_ttl_ms=60_000)


@pytest.fixture
def store(open_store: Callable[[], SqliteStore]) -> Iterator[SqliteStore]:
    store = open_store()
    yield store
    store.close()


class TestSqliteStore(StoreContract):
    """The suite of all stores."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: SqliteStore(tmp_path, result_ttl_ms=60_000)

    @pytest.fixture
    def vanish(self) -> Callable[[JobStore, str], None]:
        def vanish(store: JobStore, owner: str) -> None:
            assert isinstance(store, SqliteStore)
            store._owners.drop(owner)

        return vanish


def test_a_process_that_is_killed_is_gone_and_one_that_is_stopped_is_not(
    store: SqliteStore, tmp_path: Path
) -> None:
    """The system says it, and no clock: however long a process is stopped, its job is its own."""
    store.add([new_job()])
    with subprocess.Popen(
        [sys.executable, "-c", CLAIMS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        id = other.stdout.readline().strip()
        alive = store.owners()
        other.send_signal(signal.SIGSTOP)
        while_stopped = store.sweep()
        other.kill()
        other.wait()

        after = store.sweep()

    assert alive == ["other"]
    assert (while_stopped, after) == (0, 1)
    found = store.find(id)
    assert found is not None
    assert found.state is JobState.READY


def test_results_are_dropped_when_they_are_old(tmp_path: Path) -> None:
    """Dead letters are not."""
    store = SqliteStore(tmp_path, result_ttl_ms=0)
    store.join("one")
    done, dead = new_job(priority=-1), new_job()
    store.add([done, dead])
    claims, _ = store.trade("one", None, 2)
    store.trade("one", None, 0, [ended(claims[0]), ended(claims[1], Ending.DEAD)])

    while store.now_ms() <= (store.jobs(JobState.DEAD)[0].ended_ms or 0):
        pass
    store.sweep()

    assert store.find(done.id) is None
    assert store.find(dead.id) is not None
    store.close()


def test_a_file_of_another_version_is_refused(
    open_store: Callable[[], SqliteStore], tmp_path: Path
) -> None:
    """Rather than read wrongly."""
    open_store().close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(BootError, match=r"another version .*its form is 99, ours 2"):
        open_store()


def test_a_file_that_is_none_is_told_as_a_store_that_is_away(tmp_path: Path) -> None:
    """With its path, and with what SQLite has to say."""
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database at all, but long enough" * 100)

    with pytest.raises(StoreUnavailable, match=r"jobs\.sqlite3: file is not a database"):
        SqliteStore(tmp_path, result_ttl_ms=1)


def test_a_file_that_somebody_else_is_opening_is_waited_for(
    tmp_path: Path, open_store: Callable[[], SqliteStore]
) -> None:
    """Many processes may begin at once in a folder where there is nothing yet."""
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(1) as threads:
            opening = threads.submit(open_store)
            with pytest.raises(TimeoutError):
                opening.result(0.1)
            other.rollback()
            store = opening.result()

    store.ping()
    store.close()
