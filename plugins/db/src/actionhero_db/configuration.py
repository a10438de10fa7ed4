"""The configured database: its URL, and the errors of its configuration."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero.settings import AppSettings
from actionhero_db.misplaced_models import misplaced_models
from actionhero_db.models import models_of
from actionhero_db.settings import DbSettings
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from actionhero import Application

#: The SQLite file in the data folder, used when no URL is set.
FILE_NAME = "database.sqlite3"


def database_url(app: Application) -> DatabaseUrl:
    """Return the URL in the settings, or that of a file in the data folder."""
    url = app.get(DbSettings).url
    if url is not None:
        return url
    return DatabaseUrl.of_file(app.get(AppSettings).data_dir / FILE_NAME)


def has_models(app: Application) -> bool:
    """Return whether any plugin has models; not if these are invalid."""
    try:
        return bool(models_of(app))
    except PluginError:
        # One of the problems of the application.
        return False


def configuration_errors(app: Application) -> list[str]:
    """Return the reasons why the application cannot use the configured database."""
    if app.has_invalid_settings:
        return []
    try:
        models = models_of(app)
    except PluginError as error:
        return [str(error)]
    errors = misplaced_models(app, models)
    if not models:
        return errors
    settings = app.get(DbSettings)
    if settings.url is None and app.environment == "production":
        errors.append(
            "db.url is not set, and SQLite must be selected explicitly in production; set "
            "DATABASE_URL, such as postgres://user:password@host:5432/name, or "
            f"sqlite:///{app.get(AppSettings).data_dir / FILE_NAME}".replace("////", "///")
        )
    if settings.migrations == "aerich" and find_spec("aerich") is None:
        errors.append(
            "db.migrations is 'aerich', which is not installed; pip install actionhero-db[aerich], "
            "or set ACTIONHERO_DB__MIGRATIONS=tortoise"
        )
    return errors
