"""`actionhero shell`: a Python shell with the started application, and top-level `await`."""

from __future__ import annotations

import ast
import asyncio
import code
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

import click

from actionhero.application import RunMode
from actionhero.cli.event_loop_thread import EventLoopThread
from actionhero.cli.operations import record_call
from actionhero.cli.output import configure_logs
from actionhero.cli.shell_frontends import run_ipython, run_standard
from actionhero.identifier import new_identifier
from actionhero.inputs.payloads import ValuePayload
from actionhero.logs import request_id
from actionhero.logs.tracebacks import short_traceback
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.cli.command_context import CommandContext
    from actionhero.connection import Connection


@click.command()
@click.option("-c", "code_", metavar="CODE", help="Run CODE, and exit.")
@click.option("--plain", is_flag=True, help="Use the shell of Python even if IPython is installed.")
@click.pass_obj
def shell(context: CommandContext, code_: str | None, plain: bool) -> None:
    """Open a Python shell with the started application, in which `await` works.

    `app` is the application, `call` calls an action, and the action classes of the application
    have their names. The servers are not started. IPython is used if it is installed. Code from a
    pipe is run like that of -c. Exits with 1 if code of -c or of a pipe fails.

    \b
    Examples:
      actionhero shell
      actionhero shell -c 'print(await call("status"))'
      actionhero --as-user 7 shell < script.py
    """  # noqa: D301 - click's mark is the character itself
    app = context.load(RunMode.CLI)
    configure_logs(app, level="warn")
    app.raise_for_problems()
    with EventLoopThread() as loop:
        loop.run(app.start())
        try:
            console = AsyncConsole(_namespace(app, context.connection()), loop, app)
            if code_ is None and not sys.stdin.isatty():
                code_ = sys.stdin.read()
            if code_ is not None:
                if not console.run_script(code_):
                    raise SystemExit(1)
            elif plain or not run_ipython(console.locals, loop, _banner(app)):
                run_standard(console, _banner(app), app.get(AppSettings).data_dir / "shell_history")
        finally:
            loop.run(app.stop())


class AsyncConsole(code.InteractiveConsole):
    """The shell of Python, with `await` at the top level.

    Args:
        locals: The names that code can use.
        loop: The event loop of the application.
        app: The application.
    """

    def __init__(self, locals: dict[str, Any], loop: EventLoopThread, app: App) -> None:
        super().__init__(locals)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._loop = loop
        self._root = app.settings.root
        self._failed = False

    def run_script(self, source: str) -> bool:
        """Run all statements of a script, and return whether they succeeded."""
        try:
            script = compile(
                source, "<shell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
        except (SyntaxError, ValueError, OverflowError):
            self.showsyntaxerror("<shell>")
            return False
        self._failed = False
        try:
            self.runcode(script)
        except KeyboardInterrupt:
            raise click.Abort from None
        return not self._failed

    def runcode(self, code: types.CodeType) -> None:
        """Run a statement in the event loop of the application."""
        try:
            exit_error = self._loop.run(self._execute(code))
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - as the shell of Python does
            self.showtraceback()
        else:
            if exit_error is not None:
                raise exit_error

    def showtraceback(self) -> None:
        """Write the traceback of the current error, without the frames of libraries."""
        self._failed = True
        error = sys.exc_info()[1]
        assert error is not None  # noqa: S101 - it is called for an error
        sys.last_value = error
        self.write(short_traceback(error, self._root))
        # In tests, `app` is an application that has the method.
        app = self.locals.get("app")
        if isinstance(error, AttributeError) and error.obj is app and error.name == "call":
            self.write("note: the shell has a function for it: await call(…)\n")

    async def _execute(self, code: types.CodeType) -> BaseException | None:
        """Run code, and return an error that ends the shell: raised, it would end the loop."""
        try:
            result = types.FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                await result
        except (SystemExit, KeyboardInterrupt) as error:
            return error
        return None


def _namespace(app: App, connection: Connection) -> dict[str, Any]:
    """Return the names of the shell: those of core, and the classes of the application."""

    async def call(action: str | type, /, **inputs: Any) -> Any:
        """Call an action by its name or class, and return its result."""
        name = action if isinstance(action, str) else app.actions.of_type(action).name
        payload = ValuePayload(inputs, refuse_unknown=True)
        identifier = new_identifier()
        # By it, `record_call` recognizes a refusal that is recorded already.
        token = request_id.set(identifier)
        try:
            outcome = await app.pipeline.execute(connection, name, payload, request_id=identifier)
            if connection.principal is not None and name in app.actions:
                record_call(app, connection, app.actions.find(name), payload, outcome)
        finally:
            request_id.reset(token)
        return app.actions.find(name).declared(outcome.unwrap())

    application = app.plugins.plugins[-1].owner
    classes = {
        action.type.__name__: action.type for action in app.actions if action.owner == application
    }
    return {**classes, "app": app, "call": call, "asyncio": asyncio, "__name__": "__main__"}


def _banner(app: App) -> str:
    package = app.get(AppSettings).package or "no application"
    return (
        f"Python {sys.version.split()[0]}, ActionHero, {package}, {app.environment}\n"
        'app, call: await call("status"); Ctrl+D exits'
    )
