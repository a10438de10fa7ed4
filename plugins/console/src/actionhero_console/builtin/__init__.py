"""The panels of the console itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_console.builtin.actions import actions_panel
from actionhero_console.builtin.audit import audit_panel
from actionhero_console.builtin.log import log_panel
from actionhero_console.builtin.overview import overview_panel
from actionhero_console.builtin.settings import settings_panel
from actionhero_console.settings import ConsoleSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_console.panels import Panel


def panels_for(app: Application) -> list[Panel]:
    """Return the panels; that of the log only if lines are kept."""
    panels = [overview_panel(app), actions_panel(app), settings_panel(app), audit_panel(app)]
    if app.get(ConsoleSettings).log_lines:
        panels.append(log_panel(app))
    return panels
