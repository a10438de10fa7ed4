"""`Models`: the models of one plugin, and the migrations that make their tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application


@dataclass(frozen=True)
class Models:
    """The models of a plugin; the hook `actionhero_db_models` returns them.

    Naming modules imports nothing, so this is free for a process that needs no database.

    Args:
        label: What the models are known by: `fields.ForeignKeyField("chat.User")`, `db make`.
        modules: The modules that define them.
        migrations: The package of their migrations. Without one, tables that are not there are
            made as the models say, outside of production.
    """

    label: str
    modules: Sequence[str]
    migrations: str | None = None


def models_of(app: Application) -> list[Models]:
    """Return the models of all plugins, and of the application.

    In the application's package, every module `models` and every module of a package `models` is
    one of models, and the subpackage `migrations` holds the migrations.

    Raises:
        PluginError: Two have one label; the message names both owners.
    """
    found: dict[str, Models] = {}
    owners: dict[str, str] = {}
    given = [
        (plugin.owner, models)
        for plugin, models in app.plugins.collect("actionhero_db_models", Models, app=app)
    ]
    listed = {name for _, models in given for name in models.modules}
    application = _models_of_application(app.get(AppSettings).package, listed)
    if application is not None:
        given.append(("the application", application))
    for owner, models in given:
        if not models.label.isidentifier():
            raise PluginError(
                f"models {models.label!r} ({owner}) have a label that is no name; write letters, "
                "digits and underscores"
            )
        if models.label in found:
            raise PluginError(
                f"two plugins have models of the label {models.label!r}: {owners[models.label]} "
                f"and {owner}; change one label, or put the name of one plugin into "
                "plugins.disabled"
            )
        found[models.label] = models
        owners[models.label] = owner
    return list(found.values())


def _models_of_application(package: str | None, listed: set[str]) -> Models | None:
    if package is None:
        return None
    # All modules of the application are imported by now.
    modules = sorted(
        name
        for name, module in sys.modules.items()
        if name.startswith(f"{package}.")
        and "models" in name.removeprefix(package).split(".")
        and not hasattr(module, "__path__")
        and name not in listed
    )
    if not modules:
        return None
    migrations = f"{package}.migrations"
    return Models(
        label=package.rpartition(".")[2],
        modules=modules,
        migrations=migrations if migrations in sys.modules else None,
    )
