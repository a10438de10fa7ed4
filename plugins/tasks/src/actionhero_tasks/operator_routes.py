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
    if not app.get(TasksSettings).page:
        return []
    if (redirects := _redirects_for(app)) is not None:
        return redirects
    from actionhero_tasks.page.routes import routes_for

    return routes_for(app)


def links_for(app: Application, origin: str) -> list[Link]:
    """Return the URL of the page, or of its panel in the console, if it exists."""
    from actionhero import Link
    from actionhero_tasks.page.routes import JobPage

    path = app.get(TasksSettings).page
    exists = path and (app.has(JobPage) or _redirects_for(app) is not None)
    return [Link("Jobs", origin + path)] if exists else []


def _redirects_for(app: Application) -> list[web.AbstractRouteDef] | None:
    """Return the routes from the page to the console; `None` without a console."""
    # By name, because this package does not depend on actionhero-console.
    if app.settings.find("console") is None:
        return None
    from actionhero_tasks.console_panel import redirects_for

    return redirects_for(app, app.get(TasksSettings).page)


def close_on_cleanup(application: web.Application, app: Application) -> None:
    """Close the connection to the store during the cleanup of the HTTP server."""

    async def close(_: web.Application) -> None:
        if app.has(JobViews):
            await asyncio.to_thread(app.get(JobViews).close)

    application.on_cleanup.append(close)
