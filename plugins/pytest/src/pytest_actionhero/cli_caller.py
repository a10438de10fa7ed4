"""`CliCaller`: calls actions with what could be typed behind `actionhero call`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from actionhero import Connection, InvalidInput
from actionhero.cli import ActionGroup
from actionhero.transport import TextPayload, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application


class _Typed(ActionGroup):
    """Reads a command line, and keeps what the shell would run."""

    def take(self, context: click.Context, name: str, text: Mapping[str, list[Any]]) -> None:
        """Keep it."""
        context.meta["typed"] = (name, text)


class CliCaller:
    """Somebody at a shell, whose commands run in the process of the test.

    The options are those of `actionhero call`, and all that is given is text. Each call is a
    connection of its own: a shell has no session.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return what stdout would have; of a stream, all items.

        Raises:
            TypedError: The action failed, or there is no such option.
        """
        name, text = self._typed([action, *_options(inputs)])
        outcome = await self._app.pipeline.execute(Connection("cli"), name, TextPayload(text))
        return json.loads(encode(outcome.unwrap()))

    def _typed(self, arguments: list[str]) -> tuple[str, Mapping[str, list[Any]]]:
        """Return what is called, with which texts."""
        group = _Typed("call")
        try:
            with group.make_context("call", arguments) as context:
                context.meta["app"] = self._app
                group.invoke(context)
                typed: tuple[str, Mapping[str, list[Any]]] = context.meta["typed"]
                return typed
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
