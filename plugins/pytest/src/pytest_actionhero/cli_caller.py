"""The command line caller, which calls actions with the options of `actionhero call`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from actionhero import Connection, InvalidInput
from actionhero.cli import ActionGroup
from actionhero.transport import TextPayload, outcome_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application


class _ParsingGroup(ActionGroup):
    """Parses a command line, and stores the action and its inputs."""

    def handle_action(
        self, context: click.Context, name: str, text: Mapping[str, list[Any]]
    ) -> None:
        """Store the action and its inputs."""
        context.meta["parsed"] = (name, text)


class CliCaller:
    """Calls actions like the command line, in the process of the test.

    The options are those of `actionhero call`, and all inputs are text. Each call has its own
    connection and session.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return its result; all items of a stream.

        Raises:
            TypedError: The action failed, or an option does not exist.
        """
        name, text = self._parse([action, *_options(inputs)])
        outcome = await self._app.pipeline.execute(Connection("cli"), name, TextPayload(text))
        outcome.unwrap()
        return outcome_value(outcome)

    def _parse(self, arguments: list[str]) -> tuple[str, Mapping[str, list[Any]]]:
        """Return the action and its inputs."""
        group = _ParsingGroup("call")
        try:
            with group.make_context("call", arguments) as context:
                context.meta["app"] = self._app
                group.invoke(context)
                parsed: tuple[str, Mapping[str, list[Any]]] = context.meta["parsed"]
                return parsed
        except click.UsageError as error:
            raise InvalidInput(error.format_message()) from error


def _options(inputs: Mapping[str, Any]) -> list[str]:
    options = []
    for name, value in inputs.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                text = item if isinstance(item, str) else json.dumps(item)
                options.append(f"--{name}={text}")
    return options
