"""What a plugin may contribute to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_db.models import Models

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_db_models(app: Application) -> Sequence[Models] | None:
    """Models of Tortoise ORM that a plugin brings, with their migrations.

    Called once, when the database's initializer is put together. An application's own modules
    `models` are found without this hook.

    Args:
        app: The application being put together.

    Returns:
        `Models`: a label, the names of modules, and the package of migrations, which is part of
        the plugin's wheel. Two of one label are an error that names both owners.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_db_models():
            from actionhero_db import Models

            return [Models("notes", ["notes.models"], migrations="notes.migrations")]
        ```
    """
