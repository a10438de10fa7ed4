"""`AerichRun`: the connections and files of one run of aerich's migrations."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aerich.migrate import Migrate  # type: ignore[import-untyped,unused-ignore]
from aerich.models import Aerich
from aerich.utils import import_py_module

from actionhero import ConfigurationError
from actionhero_db.migrations.files import migrations_folder, remove_missing_packages
from actionhero_db.migrations.session import Session, has_table, migration_config
from actionhero_db.migrations.tables import sort_models
from actionhero_db.orm import activated, close_context, create_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import ModuleType

    from tortoise.models import Model

    from actionhero_db.database import Database

#: The label of aerich's own table of applied migrations.
AERICH_LABEL = "aerich"


class AerichRun:
    """The connections and files of one run.

    Args:
        session: The connections.
        models: The models by label.
        folders: The folder with the files of each label that has migrations.
        config: Tortoise's configuration.
    """

    def __init__(
        self,
        session: Session,
        models: dict[str, list[type[Model]]],
        folders: dict[str, Path],
        config: dict[str, Any],
    ) -> None:
        self.session = session
        self.client = session.client
        self.models = models
        self.folders = folders
        self.config = config

    @property
    def labels(self) -> list[str]:
        """The labels that have migrations, each after those that it refers to."""
        ordered = sort_models([model for models in self.models.values() for model in models])
        labels = dict.fromkeys(str(model._meta.app) for model in reversed(ordered))
        return [label for label in reversed(labels) if label in self.folders]

    def files(self, label: str) -> dict[str, ModuleType]:
        """Return the migrations of a label by name, in order."""
        Migrate.app = label
        Migrate.migrate_location = self.folders[label]
        modules = Migrate.get_all_version_modules()
        return {module.name: import_py_module(module) for module in modules}

    async def applied(self, label: str) -> list[str]:
        """Return the names of the applied migrations in their order."""
        if not await has_table(self.client, Aerich._meta.db_table):
            return []
        rows = await Aerich.filter(app=label).order_by("id").values_list("version", flat=True)
        return [str(version).removesuffix(".py") for version in rows]

    def check_label(self, label: str) -> None:
        """Raise `ConfigurationError` if a label has no migrations."""
        if label not in self.folders:
            raise ConfigurationError(
                f"no migrations have the label {label!r}; available: "
                f"{', '.join(self.labels) or 'none'}"
            )


@contextlib.asynccontextmanager
async def open_run(database: Database, make: str | None = None) -> AsyncIterator[AerichRun]:
    """Open the connections for a block, and find the files.

    Args:
        database: The database.
        make: The label whose package of migrations is created, if there is none.

    Raises:
        ConfigurationError: No models have this label.
    """
    config = migration_config(database)
    remove_missing_packages(config["apps"])
    labels = list(config["apps"])
    if make is not None and make not in labels:
        raise ConfigurationError(
            f"no models have the label {make!r}; available: {', '.join(labels)}"
        )
    config["apps"][AERICH_LABEL] = {
        "models": ["aerich.models"],
        # Without this, its table would count as one without migrations.
        "migrations": AERICH_LABEL,
        "default_connection": str(database.dialect),
    }
    context = await create_context(config)
    try:
        with activated(context):
            apps = config["apps"]
            folders = {
                label: migrations_folder(apps[label], create=label == make) / label
                for label in labels
                if label == make or "migrations" in apps[label]
            }
            registry = context.apps
            models = {
                label: list(registry[label].values()) if registry is not None else []
                for label in labels
            }
            client = context.connections.get(str(database.dialect))
            yield AerichRun(Session(context, client, apps), models, folders, config)
    finally:
        await close_context(context)
