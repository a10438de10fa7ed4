"""Logging as the settings of an application say, for commands that run one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from actionhero import logs
from actionhero.settings import LoggerSettings

if TYPE_CHECKING:
    from actionhero.application import Application


def configure_logs(app: Application, *, level: str | None = None) -> None:
    """Log to stderr as the settings say.

    Args:
        app: The loaded application.
        level: Another default level than the setting's own; what was set by hand wins.
    """
    settings = app.get(LoggerSettings)
    if level is None or app.settings.was_set(LoggerSettings, "level"):
        level = settings.level
    logs.configure(
        level=level,
        format=settings.format_for(app.environment, is_terminal=sys.stderr.isatty()),
        colors=None if settings.colors == "auto" else settings.colors == "always",
    )
    app.pipeline.call_log = logs.call_log
