"""`CommandConnection`: the connection of a call on the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from actionhero.connection import TRACE_FIELDS, Connection

if TYPE_CHECKING:
    from collections.abc import Mapping


class CommandConnection(Connection):
    """The connection of a call on the command line, whose trace is in environment variables."""

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """The variables `TRACEPARENT` and `TRACESTATE`."""
        variables = {name: os.environ.get(name.upper()) for name in TRACE_FIELDS}
        return {name: value for name, value in variables.items() if value}
