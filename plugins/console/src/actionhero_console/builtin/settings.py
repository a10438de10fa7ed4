"""The panel Settings: every value with its origin, the plugins, and the problems."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from actionhero import App
from actionhero_console.builtin.assets import assets_of
from actionhero_console.panels import Panel, PanelContext

if TYPE_CHECKING:
    from actionhero import Application


def settings_panel(app: Application) -> Panel:
    """Return the panel."""
    return Panel(
        "settings",
        "Settings",
        order=90,
        reads={"list": read_settings},
        assets=assets_of("settings"),
    )


def read_settings(context: PanelContext) -> dict[str, Any]:
    """Return the settings of this process; secrets are masked."""
    app = context.app
    rows = [{**asdict(row), "is_default": row.origin == "default"} for row in app.settings.rows()]
    return {
        "environment": app.environment,
        "folder": str(app.settings.root),
        "settings": rows,
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "state": str(plugin.state),
                "reason": plugin.reason,
                "module": plugin.module_name,
            }
            for plugin in app.get(App).plugins.plugins
        ],
        "problems": app.problems,
    }
