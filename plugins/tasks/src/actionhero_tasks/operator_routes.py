"""The routes of the operator page, or those that lead from it to the console."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actionhero_tasks.operations.job_views import JobViews
from actionhero_tasks.settings import TasksSettings

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application, Link


def routes_for(app: Application) -> list[web.AbstractRouteDef]:
    """Return the routes of the page; those to the console, if there is one."""
    path = app.get(TasksSettings).page
    if not path:
        return []
    # By name, because this package does not depend on actionhero-console.
    if any(section.section == "console" for section in app.settings):
        from actionhero_tasks.console_panel import redirects_for

        if (routes := redirects_for(app, path)) is not None:
            return routes
    from actionhero_tasks.page.routes import routes_for

    return routes_for(app)


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the page, if it exists."""
    from actionhero_tasks.page.routes import links_for

    return links_for(app, origin)


def close_on_cleanup(application: web.Application, app: Application) -> None:
    """Close the connection to the store during the cleanup of the HTTP server."""

    async def close(_: web.Application) -> None:
        if app.has(JobViews):
            await asyncio.to_thread(app.get(JobViews).close)

    application.on_cleanup.append(close)
