"""`Dispatcher`: calls the queries and changes of panels, with the role of the operator."""

from __future__ import annotations

import asyncio
import logging
import string
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, Forbidden, NotFound, TypedError
from actionhero.settings import AppSettings
from actionhero.transport import INTERNAL_ERROR
from actionhero_console.panels import PanelContext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actionhero import Application, Connection
    from actionhero_console.console import Console
    from actionhero_console.operators import Operator, Role
    from actionhero_console.panel_registry import LoadedChange, LoadedPanel

    ContextOf = Callable[[str], PanelContext]

logger = logging.getLogger("actionhero.console")

#: The errors by which operators are refused.
_REFUSALS: Final = frozenset(
    {ErrorType.SESSION_NOT_FOUND, ErrorType.CREDENTIALS, ErrorType.FORBIDDEN}
)


class Dispatcher:
    """Calls the functions of panels.

    Args:
        app: The application.
        console: The console.
    """

    def __init__(self, app: Application, console: Console) -> None:
        self._app = app
        self._console = console

    def context(self, panel: str, operator: Operator, connection: Connection) -> PanelContext:
        """Return the context of a call of a panel's function."""
        return PanelContext(self._app, operator, connection, panel, self._console.processes)

    def describe(self, context_of: ContextOf) -> dict[str, Any]:
        """Return the parts of the console that an operator may see."""
        operator = context_of("").operator
        panels = [
            {
                "name": name,
                "title": panel.panel.title,
                "has_script": panel.panel.assets is not None,
                "changes": {
                    change_name: {"confirm": change.confirm}
                    for change_name, change in panel.changes.items()
                    if self._may_change(operator, change)
                },
            }
            for name, panel in self._console.panels.items()
            if operator.role.includes(panel.role)
        ]
        return {
            "application": self._app.get(AppSettings).name,
            "environment": self._app.environment,
            "read_only": self._console.settings.read_only,
            "operator": {
                "name": operator.name,
                "role": str(operator.role),
                "method": operator.method,
            },
            "panels": panels,
        }

    async def read(self, name: str, inputs: Mapping[str, Any], context_of: ContextOf) -> Any:
        """Return the result of a query.

        Args:
            name: Panel and query, as in `jobs.list`.
            inputs: The inputs.
            context_of: Returns the context of a panel.

        Raises:
            TypedError: It is refused, or its inputs are invalid.
        """
        panel_name, _, read_name = name.partition(".")
        context = context_of(panel_name)
        try:
            read = self._panel(panel_name, context.operator).reads.get(read_name)
            if read is None:
                raise NotFound("There is no such query")
            _check_role(context.operator, read.role)
            return await read.function(read.function.schema.from_parsed(inputs), context)
        except Forbidden as error:
            # The page does not send queries that its operator may not make.
            await self.record_refusal(error, context.operator, context.connection, name)
            raise

    async def change(self, path: str, body: Mapping[str, Any], context_of: ContextOf) -> Any:
        """Make a change, and return its result. It is recorded before and after.

        Args:
            path: Panel and change, as in `jobs/retry`.
            body: The inputs.
            context_of: Returns the context of a panel.

        Raises:
            TypedError: It is refused, its inputs are invalid, or it has failed.
        """
        panel_name, _, name = path.partition("/")
        context = context_of(panel_name)
        panel = self._panel(panel_name, context.operator)
        change = panel.changes.get(name)
        if change is None:
            raise NotFound("There is no such change")
        if self._console.settings.read_only:
            raise Forbidden("The console is read-only")
        _check_role(context.operator, change.role)
        inputs = change.function.schema.from_parsed(body)
        facts = _facts(change, inputs)
        subject = {"panel": panel_name, "change": name, **facts}
        act = await self._console.trail.begin(
            "console.change", context.operator, context.connection, subject
        )
        try:
            result = await change.function(inputs, context)
        except BaseException as error:
            await asyncio.shield(act.failed(error))
            if isinstance(error, TypedError) or not isinstance(error, Exception):
                raise
            if (translated := self._app.pipeline.translated(error)) is not None:
                raise translated from error
            logger.exception("the change %s.%s of the console has failed", panel_name, name)
            raise TypedError(INTERNAL_ERROR) from error
        await act.finished(context.facts)
        return result

    async def record_refusal(
        self, error: TypedError, operator: Operator | None, source: Connection, path: str
    ) -> None:
        """Record in the audit log that a request was refused, if the error means that."""
        if error.type in _REFUSALS:
            facts = {"path": path[:200], "error": str(error.type), "reason": error.message}
            await self._console.trail.note("access", "failure", operator, source, facts)

    def _panel(self, name: str, operator: Operator) -> LoadedPanel:
        panel = self._console.panels.get(name)
        if panel is None:
            raise NotFound("There is no such panel")
        _check_role(operator, panel.role)
        return panel

    def _may_change(self, operator: Operator, change: LoadedChange) -> bool:
        return not self._console.settings.read_only and operator.role.includes(change.role)


def _check_role(operator: Operator, role: Role) -> None:
    if not operator.role.includes(role):
        raise Forbidden(f"It needs the role {role}; you are {operator.role}")


def _facts(change: LoadedChange, inputs: Any) -> dict[str, Any]:
    """Return the facts of a change for the audit log."""
    schema = change.function.schema
    redacted = schema.redact(inputs)
    facts = dict(change.facts(inputs)) if change.facts is not None else {"inputs": redacted}
    target = _format(change.target, redacted)
    return {"target": target, **facts} if target else facts


def _format(template: str, values: Mapping[str, Any]) -> str:
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    return template.format_map({name: values.get(name, "") for name in names})[:200]
