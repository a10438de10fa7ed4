"""Validation of the panels and accounts of plugins, at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import RunMode
from actionhero_console.settings import ConsoleSettings

if TYPE_CHECKING:
    from actionhero import Application


def validate(app: Application) -> list[str]:
    """Return the errors of panels and accounts."""
    # In a command, nothing of the console is imported.
    if app.mode is RunMode.CLI or not app.get(ConsoleSettings).path:
        return []
    from actionhero_console.console import console_for

    console = console_for(app)
    return [] if console is None else console.problems
