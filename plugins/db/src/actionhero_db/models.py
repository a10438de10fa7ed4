"""`Models`: the models of one plugin, and the migrations that create their tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from actionhero import PluginError
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application


@dataclass(frozen=True)
class Models:
    """The models of a plugin; the hook `actionhero_db_models` returns them.

    The names of modules import nothing, so a process without a database has no import cost.

    Args:
        label: The name of the models in `fields.ForeignKeyField("chat.User")` and `db make`.
        modules: The modules that define them.
        migrations: The package of their migrations. Without one, missing tables are created from
            the models, outside production.
    """

    label: str
    modules: Sequence[str]
    migrations: str | None = None


#: The table of the outbox.
OUTBOX: Final = Models(
    "actionhero_outbox", ["actionhero_db.outbox.models"], "actionhero_db.outbox.migrations"
)


def models_of(app: Application) -> list[Models]:
    """Return the models of all plugins, and of the application.

    If there are any, and a plugin has topics of the outbox, its table is among them.

    In the application's package, every module `models`, and every module of a package `models`,
    contains models, and the subpackage `migrations` contains the migrations.

    Raises:
        PluginError: Two plugins use the same label; the message names both.
    """
    models_by_label: dict[str, Models] = {}
    owners: dict[str, str] = {}
    contributions = [
        (plugin.owner, models)
        for plugin, models in app.plugins.collect("actionhero_db_models", Models, app=app)
    ]
    listed = {name for _, models in contributions for name in models.modules}
    application_models = _models_of_application(app.get(AppSettings).package, listed)
    if application_models is not None:
        contributions.append(("the application", application_models))
    if contributions and app.plugins.collect("actionhero_db_outbox_topics", str, app=app):
        contributions.append(("the outbox", OUTBOX))
    for owner, models in contributions:
        if not models.label.isidentifier():
            raise PluginError(
                f"the label {models.label!r} of the models of {owner} is not an identifier; use "
                "letters, digits and underscores"
            )
        if models.label in models_by_label:
            raise PluginError(
                f"two plugins have models with the label {models.label!r}: {owners[models.label]} "
                f"and {owner}; change one label, or add the name of one plugin to "
                "plugins.disabled"
            )
        models_by_label[models.label] = models
        owners[models.label] = owner
    return list(models_by_label.values())


def _models_of_application(package: str | None, listed: set[str]) -> Models | None:
    if package is None:
        return None
    # All modules of the application have been imported at this point, apart from its migrations.
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
        migrations=migrations if find_spec(migrations) else None,
    )
