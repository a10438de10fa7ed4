"""`Console`: the panels, the operators and the observations of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import RunMode
from actionhero.transport import add_tap
from actionhero_console.access import ConsoleAccess
from actionhero_console.audit import AuditTrail
from actionhero_console.panel_registry import load_panels
from actionhero_console.processes import ProcessNetwork
from actionhero_console.rates import CallRates
from actionhero_console.settings import ConsoleSettings
from actionhero_console.tail import LogTail

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_redis import RedisClients


class Console:
    """The console of one process.

    Args:
        app: The application.
        access: The access of operators.
    """

    #: Set by `start`, when Redis is available.
    processes: ProcessNetwork
    trail: AuditTrail

    def __init__(self, app: Application, access: ConsoleAccess) -> None:
        self._app = app
        self.settings = app.get(ConsoleSettings)
        self.access = access
        self.rates = CallRates()
        self.tail = LogTail(self.settings.log_lines)
        self.panels, panel_problems = load_panels(app)
        #: The errors of panels and accounts.
        self.problems = [*panel_problems, *access.problems]
        self._remove_tap: Callable[[], None] = lambda: None

    async def start(self, clients: RedisClients) -> None:
        """Keep log lines, and answer the questions of other processes."""
        self.trail = AuditTrail(self._app, clients)
        functions = {
            f"{name}.{question}": function
            for name, panel in self.panels.items()
            for question, function in panel.answers.items()
        }
        self.processes = ProcessNetwork(self._app, clients, functions)
        if self.settings.log_lines:
            self._remove_tap = add_tap(self.tail.add)
        await self.processes.start()

    async def stop(self) -> None:
        """End both."""
        self._remove_tap()
        if hasattr(self, "processes"):
            await self.processes.stop()


def console_for(app: Application) -> Console | None:
    """Return the console of this process, created at the first call; `None`: it has none.

    A command has none, and neither has an application whose console no client could see.
    """
    if not app.has(_Holder):
        holder = _Holder()
        app.provide(_Holder, holder)
        if app.mode is not RunMode.CLI and app.get(ConsoleSettings).path:
            access = ConsoleAccess(app)
            if access.exists or access.problems:
                holder.console = Console(app, access)
                app.provide(Console, holder.console)
    return app.get(_Holder).console


class _Holder:
    """The console of an application, or that there is none."""

    def __init__(self) -> None:
        self.console: Console | None = None
