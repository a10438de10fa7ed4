"""The hooks for plugins that contribute to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_db.models import Models


@hookspec
def actionhero_db_models(app: Application) -> Sequence[Models] | None:
    """Tortoise ORM models of a plugin, with their migrations.

    Called once, when the database's initializer is created. The modules `models` of an application
    are found without this hook.

    Args:
        app: The application.

    Returns:
        `Models`: a label, the names of modules, and the package of migrations, which is part of
        the plugin's wheel. Two with the same label are an error that names both plugins.

    Order:
        Plugins in the order of their registration; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_db_models():
            from actionhero_db import Models

            return [Models("notes", ["notes.models"], migrations="notes.migrations")]
        ```
    """


@hookspec
def actionhero_db_outbox_topics(app: Application) -> Sequence[str] | None:
    """The topics of the messages that a plugin adds to `Transactions.outbox`.

    Called once, when the database's initializer is created. The outbox has a table if there are any
    topics, and any models. The plugin registers a function that sends its messages with
    `Outbox.register` when it starts.

    Args:
        app: The application.

    Returns:
        The names of topics, of up to 32 characters.

    Order:
        Plugins in the order of their registration; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_db_outbox_topics():
            return ["webhooks"]
        ```
    """
