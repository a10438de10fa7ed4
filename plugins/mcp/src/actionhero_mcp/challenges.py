"""Challenges: the responses to callers without credentials or scopes (RFC 6750 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ErrorType, Principal
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import INVALID_REQUEST

if TYPE_CHECKING:
    from actionhero import TypedError


class Challenge(RpcError):
    """The error of a caller without credentials or a scope.

    Args:
        message: The message for the client.
        status: 401 or 403.
        parameters: Further parameters of `WWW-Authenticate`.
        cause: The error of the call; `None` if the request was refused before it.
    """

    def __init__(
        self,
        message: str,
        status: int,
        parameters: dict[str, str],
        cause: TypedError | None = None,
    ) -> None:
        super().__init__(INVALID_REQUEST, message, status=status)
        self.parameters = parameters
        self.cause = cause


def challenge_of(error: TypedError, principal: Principal) -> Challenge | None:
    """Return the challenge for the error of a call; `None` if credentials would not help."""
    if error.type == ErrorType.SESSION_NOT_FOUND:
        return Challenge(error.message, 401, dict(error.challenge or {}), error)
    if error.challenge and error.challenge.get("error") == "insufficient_scope":
        # Clients ask for exactly these scopes; without the granted ones, they would lose them.
        needed = error.challenge.get("scope", "").split()
        scopes = sorted({*(principal.scopes or ()), *needed})
        parameters = {"error": "insufficient_scope", "scope": " ".join(scopes)}
        return Challenge(error.message, 403, parameters, error)
    return None


def header_of(parameters: dict[str, str]) -> str:
    """Return the value of `WWW-Authenticate`."""
    quoted = (
        '{}="{}"'.format(name, value.replace("\\", "").replace('"', "'"))
        for name, value in parameters.items()
    )
    return "Bearer " + ", ".join(quoted) if parameters else "Bearer"
