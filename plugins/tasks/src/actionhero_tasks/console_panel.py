"""The panel Jobs of the console: queues, jobs, dead letters, fan-outs and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero_console import Account, Change, Panel, panel_redirects
from actionhero_tasks.operations.functions import NAME, PANEL_ASSETS, TITLE, JobFunctions
from actionhero_tasks.settings import TasksSettings

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application

#: The operator whose password is `tasks.operator_password`.
OPERATOR: Final = "operator"


def jobs_panel(app: Application) -> Panel:
    """Return the panel."""
    functions = JobFunctions(app)
    changes = {
        name: Change(each.run, confirm=each.confirm, target=each.target, facts=each.facts)
        for name, each in functions.changes.items()
    }
    return Panel(NAME, TITLE, order=30, reads=functions.reads, changes=changes, assets=PANEL_ASSETS)


def accounts_for(app: Application) -> list[Account]:
    """Return the operator of `tasks.operator_password`, if it is set."""
    password = app.get(TasksSettings).operator_password
    if password is None:
        return []
    return [Account(OPERATOR, "admin", password=password.get_secret_value())]


def redirects_for(app: Application, path: str) -> list[web.AbstractRouteDef] | None:
    """Return the routes from the page of jobs to the panel; `None`: there is no console."""
    return panel_redirects(app, path, NAME)
