"""`InputRequests`: questions in the result of a request, which the client sends again with answers.

The state between the two requests is with the client, signed: any process can answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.refusals import Refusals
from actionhero_mcp.revisions import INVALID_PARAMS
from actionhero_mcp.signing import digest, signer_for

if TYPE_CHECKING:
    from actionhero import Application, Principal
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.result_fields import ResultFields
    from actionhero_mcp.settings import McpSettings

PURPOSE: Final = "request"


class InputRequests:
    """Makes results that ask for input, and reads the answers of the next request.

    Args:
        app: The application.
        settings: The time to answer.
        fields: Completes results.
    """

    def __init__(self, app: Application, settings: McpSettings, fields: ResultFields) -> None:
        self._app = app
        self._fields = fields
        self._refusals = Refusals(app)
        self._ttl_seconds = settings.answer_timeout.total_seconds()

    def restore(self, request: Request, connection: McpConnection, target: Any) -> None:
        """Pass the answers in a request to its connection.

        Args:
            request: The request.
            connection: Its connection.
            target: The name and the arguments of the call.

        Raises:
            RpcError: The answers are no answers, or the state is forged, expired, of another
                caller or of another call.
        """
        params = request.params
        if "inputResponses" not in params and "requestState" not in params:
            return
        responses = answers_in(params)
        if "requestState" in params:
            state = signer_for(self._app).verify(PURPOSE, params["requestState"])
            if state is None or state.get("for") != _binding(request, connection, target):
                self._refusals.record(connection, "requestState is not valid", status=400)
                raise RpcError(INVALID_PARAMS, "Invalid params: requestState is not valid")
            responses = {**state.get("answers", {}), **responses}
        connection.answers = responses

    def result(self, request: Request, connection: McpConnection, target: Any) -> bytes:
        """Return the result that asks for input."""
        state = {
            "for": _binding(request, connection, target),
            "answers": {key: connection.answers[key] for key in sorted(connection.answered)},
        }
        token = signer_for(self._app).sign(PURPOSE, state, self._ttl_seconds)
        values = {"inputRequests": connection.questions, "requestState": token}
        return self._fields.of_type("input_required", values)


def caller_of(principal: Principal | None) -> str:
    """Return the caller that signed values are bound to; empty for an anonymous one."""
    if principal is None or principal.is_anonymous:
        return ""
    credential = principal.credential_id
    if principal.method == "bearer":
        # Each token of an issuer has its own; the client is the same after a refresh.
        claims = principal.claims
        credential = f"bearer/{claims.get('client_id') or claims.get('azp') or ''}"
    # As JSON: the number 7 and the text "7" are two users.
    return f"{principal.kind}:{dumps(principal.user).decode()}:{credential}"


def answers_in(params: dict[str, Any]) -> dict[str, Any]:
    """Return the answers in the parameters of a request, by the keys of their questions.

    Raises:
        RpcError: They are malformed.
    """
    responses = params.get("inputResponses", {})
    if not isinstance(responses, dict) or not all(
        isinstance(response, dict) for response in responses.values()
    ):
        raise RpcError(INVALID_PARAMS, "Invalid params: inputResponses is not an object")
    return responses


def _binding(request: Request, connection: McpConnection, target: Any) -> str:
    return digest([request.method, target, caller_of(connection.principal)])
