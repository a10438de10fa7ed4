"""`Challenge`: the value of `WWW-Authenticate`, by which a client learns how to authenticate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Anything but the printable characters of ASCII without quotation marks and backslashes.
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")

#: A response with status 401 must have this header (RFC 9110 §11.6.1).
CHALLENGE: Final = "WWW-Authenticate"


class Challenge:
    """The challenges of one server.

    Args:
        realm: The name of the server, of printable ASCII characters.
        schemes: The schemes of its authenticators, such as `Bearer`, with their parameters.
    """

    def __init__(self, realm: str, schemes: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._realm = _quoted(realm)
        self._schemes = {
            scheme: f"{scheme} realm={self._realm}{_joined(parameters)}"
            for scheme, parameters in (schemes or {}).items()
        }
        #: The value in a response to a request without credentials. Browsers show no dialog for a
        #: scheme that they do not know, such as `Session`.
        self.default = self._join({})

    def of(self, parameters: Mapping[str, str]) -> str:
        """Return the value in a response to a request whose credentials were refused.

        Args:
            parameters: The reason, for the schemes of authenticators (RFC 6750 §3).
        """
        return self._join(parameters) if self._schemes else self.default

    def _join(self, parameters: Mapping[str, str]) -> str:
        reason = _joined(parameters)
        challenges = [challenge + reason for challenge in self._schemes.values()]
        return ", ".join((*challenges, f"Session realm={self._realm}"))


def _joined(parameters: Mapping[str, str]) -> str:
    return "".join(
        f", {name}={_quoted(value)}"
        for name, value in parameters.items()
        if name.isidentifier() and name.isascii()
    )


def _quoted(value: str) -> str:
    """Return a quoted string, with `?` for each character that would need an escape, or end it.

    RFC 6750 §3 excludes them too. The value may be a text of a library, with a line break.
    """
    return '"' + _UNSAFE.sub("?", value) + '"'
