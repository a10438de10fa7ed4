"""What the commands of this package share: an application, and its store for one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actionhero import RunMode, UnavailableError
from actionhero.cli import configure_logs
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.store_factory import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero.cli import CommandContext
    from actionhero_tasks.store import JobStore

Result = TypeVar("Result")


def load_app(context: CommandContext) -> Application:
    """Return the application, loaded and not started.

    Raises:
        PluginError: Something is wrong with it.
    """
    app = context.load(RunMode.CLI)
    configure_logs(app, level="warn")
    app.refuse_problems()
    return app


def ask_store(app: Application, ask: Callable[[JobStore], Result]) -> Result:
    """Return what `ask` makes of the store.

    Raises:
        UnavailableError: The store cannot be reached.
    """
    try:
        store = open_store(app)
        try:
            return ask(store)
        finally:
            store.close()
    except StoreUnavailable as error:
        raise UnavailableError(f"the store of jobs cannot be used: {error}") from error
