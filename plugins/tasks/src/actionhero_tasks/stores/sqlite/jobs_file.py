"""`JobsFile`: the SQLite file of the embedded store, and its transactions."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from actionhero import BootError
from actionhero.transport import check_disk_space
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.stores.sqlite import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How long a statement waits for a lock of another process.
BUSY_SECONDS: Final = 10.0
#: How often the switch to write-ahead logging is tried.
RETRY_SECONDS: Final = 0.02


class JobsFile:
    """A connection to the file, which the threads of this process use one after the other.

    Args:
        path: The file; it is created.

    Raises:
        BootError: Another version of this package has written the file.
        StoreUnavailable: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self.connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up()
        except BaseException:
            self.connection.close()
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Provide the connection; each statement is a transaction."""
        with self._lock:
            try:
                yield self.connection
            except sqlite3.Error as error:
                raise StoreUnavailable(f"{self._path}: {error}") from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Provide the connection in one transaction."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def version(self) -> int:
        """Return a number that changes when another process has written."""
        with self.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def ping(self) -> None:
        """Raise if the file cannot be read, or its disk is full."""
        with self.reading() as connection:
            connection.execute("PRAGMA schema_version").fetchone()
        try:
            check_disk_space(self._path.parent)
        except OSError as error:
            raise StoreUnavailable(str(error)) from error

    def ping_nowait(self) -> bool:
        """Call `ping` unless another thread uses the connection; return whether it was called."""
        # Readers wait for no other process, thanks to write-ahead logging.
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.ping()
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self.connection.close()

    def _set_up(self) -> None:
        self.connection.row_factory = None
        with self.reading() as connection:
            _switch_to_wal(connection)
            # So that a job whose id was returned survives a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, schema.VERSION, *schema.UPGRADABLE}:
                raise BootError(
                    f"the file of jobs {str(self._path)!r} was written by another version of "
                    f"actionhero-tasks (schema {version}, this version has {schema.VERSION}); "
                    "finish its jobs with that version, then move the file away"
                )
            if version != schema.VERSION:
                connection.executescript(f"BEGIN IMMEDIATE; {schema.SCHEMA} COMMIT;")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, so that readers and a writer do not block one another.

    SQLite's own timeout does not apply to this statement, so it is retried here.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return
