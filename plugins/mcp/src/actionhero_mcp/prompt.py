"""`Prompt`: the declaration of an action as a prompt. This module imports no server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actionhero_mcp.declaration_checks import check_name, check_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """An action as a prompt: messages for a model, which a person selects.

    Its arguments are the fields of the inputs, as text. The action returns text, which becomes one
    message of the user, or a list of `PromptMessage`.

    Args:
        name: The name; by default that of the action with `-` in place of `:` and `.`.
        title: The name for people; by default the first line of the description.
        description: The description; by default that of the action.
        completions: The actions that complete arguments, by argument: they take `value` and return
            a list of texts. Enumerations are completed by themselves.
        scopes: The scopes that the credentials of an agent need.
        icons: Icons, as objects of the protocol.
        meta: Further members of `_meta` in the definition, for extensions of the protocol.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    completions: Mapping[str, str] = field(default_factory=dict)
    scopes: Sequence[str] = ()
    icons: Sequence[Mapping[str, Any]] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_scopes(self.scopes)
