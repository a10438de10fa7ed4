"""`Declared`: the attribute `mcp` of an action, in all of its forms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from actionhero.transport import unknown_key
from actionhero_mcp.prompt import Prompt
from actionhero_mcp.resource import Resource
from actionhero_mcp.tool import Tool

_KEYS: Final = ("tool", "resource", "prompt")
_FORMS: Final = "True, Tool(…), Resource(…), Prompt(…), a mapping with 'tool', or a list of these"


class Declared(NamedTuple):
    """The declarations of one action."""

    tools: tuple[Any, ...] = ()
    resources: tuple[Any, ...] = ()
    prompts: tuple[Any, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the declarations require, each once."""
        every = (*self.tools, *self.resources, *self.prompts)
        return tuple(dict.fromkeys(scope for item in every for scope in item.scopes))


def parse(value: object) -> Declared:
    """Return the declarations in the attribute `mcp` of an action.

    Raises:
        ValueError: The value is invalid; the message contains the reason.
        TypeError: A declaration has an unknown or missing argument.
    """
    classes: dict[str, type[Any]] = {"tool": Tool, "resource": Resource, "prompt": Prompt}
    declarations: list[Any] = []

    def read(item: object) -> None:
        if isinstance(item, Tool | Resource | Prompt):
            declarations.append(item)
        elif item is True:
            declarations.append(Tool())
        elif isinstance(item, Mapping):
            if fault := unknown_key(item, _KEYS):
                raise ValueError(f"it has {fault}")
            for key, options in item.items():
                if isinstance(options, str) and key == "resource":
                    options = {"uri": options}
                options = {} if options is True else options
                known = [each.name for each in dataclasses.fields(classes[key])]
                if fault := unknown_key(options, known):
                    raise ValueError(f"{key!r} has {fault}")
                declarations.append(classes[key](**options))
        else:
            raise ValueError(f"it is {item!r}; write {_FORMS}")

    if value is None or value is False:
        return Declared()
    for item in value if isinstance(value, list | tuple) else (value,):
        read(item)
    return Declared(
        *(
            tuple(item for item in declarations if isinstance(item, class_))
            for class_ in (Tool, Resource, Prompt)
        )
    )
