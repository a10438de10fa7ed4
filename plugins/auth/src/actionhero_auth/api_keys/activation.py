"""Whether an application accepts API keys, and the models that this needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from actionhero_auth.settings import AuthSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_db import Models

#: The label of the models in `actionhero db`.
LABEL: Final = "actionhero_auth"


def are_active(app: Application) -> bool:
    """Return whether API keys are accepted: as set, or if there is a database."""
    setting = app.get(AuthSettings).api_keys
    return has_database(app) and setting is not False


def has_database(app: Application) -> bool:
    """Return whether actionhero-db is installed and enabled."""
    if find_spec("actionhero_db") is None:
        return False
    from actionhero_db import DbSettings  # noqa: PLC0415 - an extra

    return app.has(DbSettings)


def models_for(app: Application) -> list[Models]:
    """Return the models of API keys, if they are accepted."""
    if not are_active(app):
        return []
    from actionhero_db import Models  # noqa: PLC0415 - an extra

    package = "actionhero_auth.api_keys"
    return [Models(LABEL, [f"{package}.models"], migrations=f"{package}.migrations")]
