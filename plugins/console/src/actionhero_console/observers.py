"""`observers_for`: the observer of calls, for their rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import RunMode
from actionhero_console.settings import ConsoleSettings

if TYPE_CHECKING:
    from actionhero import Application, Observer


def observers_for(app: Application) -> list[Observer]:
    """Return the observer of calls, unless no client could see the console."""
    # In a command, nothing of the console is imported.
    if app.mode is RunMode.CLI or not app.get(ConsoleSettings).path:
        return []
    from actionhero_console.console import console_for

    console = console_for(app)
    return [] if console is None else [console.rates]
