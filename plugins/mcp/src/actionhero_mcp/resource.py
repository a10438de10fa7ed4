"""`Resource`: the declaration of an action as a resource. This module imports no server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from actionhero_mcp.declaration_checks import check_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A scheme (RFC 3986 §3.1).
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s{}]*(?:\{\+?[A-Za-z_]\w*\}[^\s{}]*)*")
_EXPRESSION: Final = re.compile(r"\{(\+?)([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """An action as a resource, or as a template of resources: data that a client reads by its URI.

    Bytes become a `blob`, text becomes a `text`, and any other result becomes JSON.

    Args:
        uri: The URI, as `chat://status`; or a template (RFC 6570) with inputs of the action, as
            `chat://messages/{message}`. `{+path}` also matches slashes.
        name: The name; by default that of the action.
        title: The name for people; by default the first line of the description.
        description: The description; by default that of the action.
        mime_type: The media type; by default that of JSON, text or bytes.
        updates: The channel whose broadcasts announce a change, as `message:{message}`; its
            `authorize` decides on subscriptions.
        completions: The actions that complete inputs of a template; see `Prompt`.
        scopes: The scopes that the credentials of an agent need.
        icons: Icons, as objects of the protocol.
        meta: Further members of `_meta` in the definition, for extensions of the protocol.
    """

    uri: str
    name: str | None = None
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    updates: str | None = None
    completions: Mapping[str, str] = field(default_factory=dict)
    scopes: Sequence[str] = ()
    icons: Sequence[Mapping[str, Any]] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_scopes(self.scopes)
        if not _URI.fullmatch(str(self.uri)):
            raise ValueError(
                f"the URI {self.uri!r} is invalid; write 'scheme://path', with {{name}} or "
                "{+name} in place of an input"
            )
        names = self.parameters
        if len(set(names)) < len(names):
            raise ValueError(f"the template {self.uri!r} has a name twice")

    @property
    def is_template(self) -> bool:
        """Whether the URI has parameters."""
        return bool(self.parameters)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the template."""
        return tuple(name for _, name in _EXPRESSION.findall(self.uri))

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of the URIs of the template."""
        parts = []
        position = 0
        for match in _EXPRESSION.finditer(self.uri):
            parts.append(re.escape(self.uri[position : match.start()]))
            allowed = "." if match[1] else "[^/?#]"
            parts.append(f"(?P<{match[2]}>{allowed}+)")
            position = match.end()
        parts.append(re.escape(self.uri[position:]))
        return re.compile("".join(parts))

    def expand(self, template: str, values: Mapping[str, str]) -> str:
        """Return `template` with its names replaced by decoded values."""
        return _EXPRESSION.sub(lambda match: values[match[2]], template)


def match_uri(pattern: re.Pattern[str], uri: str) -> dict[str, str] | None:
    """Return the decoded parameters of a URI that matches a template, else `None`."""
    match = pattern.fullmatch(uri)
    if match is None:
        return None
    return {name: unquote(value) for name, value in match.groupdict().items()}
