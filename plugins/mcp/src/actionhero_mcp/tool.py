"""`Tool`: the declaration of an action as a tool. This module imports no server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from actionhero.transport import HEADER_NAME
from actionhero_mcp.declaration_checks import check_name, check_scopes

#: How the text block of a result is made: JSON, Markdown, or a function of the value.
Text: TypeAlias = Literal["json", "markdown"] | Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An action as a tool: a function that a model calls.

    The description of the tool is that of the action, and its schemas are those of the inputs and
    of the return annotation. Hints that are not set follow the route of the action: `GET` is
    read-only and idempotent, `PUT` idempotent, `DELETE` destructive and idempotent.

    Args:
        name: The name, of letters, digits, `_` and `-`; by default that of the action with `-` in
            place of `:` and `.`.
        title: The name for people; by default the first line of the description.
        description: The description for models; by default that of the action.
        scopes: The scopes that the credentials of an agent need.
        read_only: Whether the tool changes nothing.
        destructive: Whether it may delete or overwrite data.
        idempotent: Whether a second call with the same inputs changes nothing more.
        open_world: Whether it reaches systems outside of the application.
        task: Whether clients that can run it as a task, as a job of the queue; other clients get a
            plain answer, or with `required` an error. The action needs `task`.
        text: How the text block of a result is made: `json`, `markdown`, or a function of the
            value. A result that is text is the text block as it is.
        icons: Icons, as objects of the protocol.
        meta: Further members of `_meta` in the definition, for extensions of the protocol.
        header: Inputs that clients repeat in a header, for proxies: `{"region": "Region"}` is the
            header `Mcp-Param-Region`.
        secrets: Whether the inputs may contain a secret, which the model then sees.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    scopes: Sequence[str] = ()
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool = False
    task: bool | Literal["required"] = False
    text: Text = "json"
    icons: Sequence[Mapping[str, Any]] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    secrets: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        check_scopes(self.scopes)
        if not callable(self.text) and self.text not in {"json", "markdown"}:
            raise ValueError(f"text is {self.text!r}; write 'json', 'markdown' or a function")
        names = [name.lower() for name in self.header.values()]
        for name in names:
            if not HEADER_NAME.fullmatch(name) or names.count(name) > 1:
                raise ValueError(f"the header {name!r} is invalid, or used twice")
