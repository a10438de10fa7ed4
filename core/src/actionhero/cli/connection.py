"""`CommandConnection`: the connection of a call on the command line."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from actionhero.connection import TRACE_FIELDS, Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero.answer import Answer


class CommandConnection(Connection):
    """The connection of a call on the command line, whose trace is in environment variables."""

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """The variables `TRACEPARENT` and `TRACESTATE`."""
        variables = {name: os.environ.get(name.upper()) for name in TRACE_FIELDS}
        return {name: value for name, value in variables.items() if value}

    async def ask(self, question: str, type_: Any, *, key: str | None = None) -> Answer[Any]:
        """Ask the question on the terminal."""
        from actionhero.cli.questions import ask_on_terminal  # noqa: PLC0415 - few actions ask

        return await asyncio.to_thread(ask_on_terminal, question, type_)
