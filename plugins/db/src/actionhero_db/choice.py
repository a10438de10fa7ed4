"""Which database an application uses, chosen from its settings."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero.settings import AppSettings
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from actionhero import Application

#: The file in the data folder, where no URL is set.
FILE_NAME = "database.sqlite3"


def choose(app: Application) -> DatabaseUrl:
    """Return what the settings ask for: a server, or a file in the data folder."""
    url = app.get(DbSettings).url
    if url is not None:
        return url
    return DatabaseUrl.of_file(app.get(AppSettings).data_dir / FILE_NAME)


def faults_in(app: Application) -> list[str]:
    """Return what keeps the chosen database from being used by this application."""
    if app.settings_are_wrong:
        return []
    try:
        models = models_of(app)
    except PluginError as error:
        return [str(error)]
    if not models:
        return []
    settings = app.get(DbSettings)
    faults = []
    if settings.url is None and app.environment == "production":
        faults.append(
            "db.url is not set, and in production a SQLite file is not taken unless it was chosen "
            "by hand; set DATABASE_URL, such as postgres://user:password@host:5432/name, or "
            f"sqlite:///{app.get(AppSettings).data_dir / FILE_NAME}".replace("////", "///")
        )
    if settings.migrations == "aerich" and find_spec("aerich") is None:
        faults.append(
            "db.migrations is 'aerich', which is not installed; pip install actionhero-db[aerich], "
            "or set ACTIONHERO_DB__MIGRATIONS=tortoise"
        )
    return faults
