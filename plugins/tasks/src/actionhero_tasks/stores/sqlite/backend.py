"""`SqliteBackend`: the embedded store. Importing it does not import SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from actionhero.settings import AppSettings
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.stores.backend import StoreBackend

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.stores.store import JobStore

#: The folder of the store in the data folder.
FOLDER: Final = "tasks"


class SqliteBackend(StoreBackend):
    """Stores jobs in a SQLite file in the data folder."""

    name: ClassVar[str] = "embedded"
    place: ClassVar[str] = "a file in the data folder"
    is_shared: ClassVar[bool] = False

    def open(self, app: Application) -> JobStore:
        from actionhero_tasks.stores.sqlite.store import SqliteStore

        folder = app.get(AppSettings).make_data_dir() / FOLDER
        return SqliteStore(folder, result_ttl_ms=app.get(TasksSettings).result_ttl_ms)
