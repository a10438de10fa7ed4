"""The tools of every server for agents: one that adds, and others that are never called."""

from __future__ import annotations

from typing import Final

#: How many tools a server has in all.
TOOL_COUNT: Final = 40
#: The names of the tools that are never called.
TOOLS: Final = [f"thing{number}" for number in range(TOOL_COUNT - 1)]

#: The schema of the arguments of the tool that adds.
ADD_INPUTS: Final = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "description": "The first number."},
        "other": {"type": "integer", "description": "The second number.", "default": 1},
    },
    "required": ["number"],
}
#: The schema of its results.
SUM: Final = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}},
    "required": ["sum"],
}
