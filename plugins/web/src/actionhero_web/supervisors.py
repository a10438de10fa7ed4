"""Parents of processes that serve: several workers, or one that starts again on a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import App, Supervisor


def supervisor_for(app: App) -> Supervisor | None:
    """Return the parent that the settings ask for, or `None`."""
    settings = app.get(WebSettings)
    if settings.reload:
        from actionhero_web.reload import Reloader

        return Reloader(app)
    if settings.workers > 1:
        from actionhero_web.workers import Workers

        return Workers(app)
    return None
