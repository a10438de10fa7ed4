"""The results of calls in the terms of the protocol."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from actionhero import ErrorType, NotFound, TypedError
from actionhero.transport import INTERNAL_ERROR, dumps, encode_outcome, error_document, loads
from actionhero_mcp.content import Content, PromptMessage, blocks_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.markdown import markdown_of
from actionhero_mcp.revisions import INTERNAL_ERROR as INTERNAL_CODE
from actionhero_mcp.revisions import INVALID_PARAMS

if TYPE_CHECKING:
    from actionhero import Outcome
    from actionhero_mcp.offers import OfferedPrompt, OfferedResource, OfferedTool
    from actionhero_mcp.revisions import Revision

#: The types of invalid inputs.
_INVALID: Final = frozenset(
    {
        ErrorType.PARAM_REQUIRED,
        ErrorType.PARAM_DEFAULT,
        ErrorType.PARAM_VALIDATION,
        ErrorType.PARAM_FORMATTING,
        ErrorType.REQUEST_MALFORMED,
    }
)


def tool_result(offered: OfferedTool, outcome: Outcome, revision: Revision) -> bytes:
    """Return the members of the result of a successful call of a tool, without the braces.

    Raises:
        TypedError: The result cannot be encoded.
        TypeError: The same, by a fault of the action.
    """
    value = outcome.value
    if type(value) is not dict:
        blocks = blocks_of(value)
        if blocks is not None:
            return b'"content":' + dumps([block.model_dump(by_alias=True) for block in blocks])
    has_schema = offered.has_schema(revision)
    body = encode_outcome(outcome)
    if value is None and has_schema:
        body = b"null"
    if isinstance(value, str):
        text = body
    elif offered.tool.text == "json":
        text = dumps(body.decode())
    elif offered.tool.text == "markdown":
        text = dumps(markdown_of(loads(body)))
    else:
        text = dumps(str(offered.tool.text(value)))
    content = b'"content":[{"type":"text","text":%b}]' % text
    is_structured = has_schema or (
        revision.has_structured_content and body[:1] == b"{" and value is not None
    )
    return b'%b,"structuredContent":%b' % (content, body) if is_structured else content


def tool_error(error: TypedError, request_id: str) -> bytes:
    """Return the members of the result of a failed call of a tool, without the braces."""
    text = dumps(dumps(envelope(error, request_id)).decode())
    return b'"content":[{"type":"text","text":%b}],"isError":true' % text


def challenged_result(error: TypedError, request_id: str, challenge: str) -> bytes:
    """Return the result of a tool whose caller needs other credentials, for older clients.

    Some of them read the challenge there, and not in the header of the response.
    """
    members = tool_error(error, request_id)
    return b'{%b,"_meta":{"mcp/www_authenticate":%b}}' % (members, dumps([challenge]))


def envelope(error: TypedError, request_id: str) -> dict[str, Any]:
    """Return the document of an error, as far as an agent needs it."""
    document = error_document(error, timestamp_ms=0, request_id=request_id)
    del document["error"]["timestamp"]
    document["error"].pop("value", None)
    return document


def resource_contents(offered: OfferedResource, uri: str, outcome: Outcome) -> bytes:
    """Return the contents of a resource, as JSON.

    Raises:
        TypedError: The result cannot be encoded.
        TypeError: The same, by a fault of the action.
    """
    value = outcome.value
    if isinstance(value, dict) and value.keys() == {"text", "mimeType"}:
        # It has the shape of the protocol already.
        return dumps([{"uri": uri, **value}])
    if isinstance(value, bytes):
        part: dict[str, Any] = {"blob": base64.b64encode(value).decode()}
    elif isinstance(value, str):
        part = {"text": value}
    else:
        part = {"text": encode_outcome(outcome).decode()}
    kind = type(value) if isinstance(value, bytes | str) else dict
    return dumps([{"uri": uri, "mimeType": offered.mime_type_of(kind), **part}])


def prompt_messages(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the messages of a prompt.

    Raises:
        TypeError: The action has returned neither text nor messages.
    """
    value = outcome.value
    if isinstance(value, str):
        value = PromptMessage.user(value)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        # It has the shape of the protocol already.
        value = [PromptMessage.model_validate(message) for message in value["messages"]]
    items = value if isinstance(value, list) else [value]
    messages = [PromptMessage.user(item) if isinstance(item, Content) else item for item in items]
    for message in messages:
        if not isinstance(message, PromptMessage):
            raise TypeError(
                f"a prompt returned {type(message).__name__}; return text, or a list of "
                "PromptMessage"
            )
    return [
        {"role": message.role, "content": message.content.model_dump(by_alias=True)}
        for message in messages
    ]


def request_error(
    error: TypedError, request_id: str, offered: OfferedPrompt | OfferedResource
) -> RpcError:
    """Return the error response for a prompt or a resource whose action has failed."""
    data = envelope(error, request_id)
    if error.type in _INVALID:
        return RpcError(INVALID_PARAMS, f"Invalid params: {error.message}", data)
    return RpcError(INTERNAL_CODE, error.message, data, status=200)


def not_found(uri: str, revision: Revision, error: NotFound | None = None) -> RpcError:
    """Return the error response for a resource that does not exist."""
    message = "Resource not found" if error is None else error.message
    return RpcError(revision.resource_not_found, f"{message}: {uri[:200]}", {"uri": uri[:2000]})


def unavailable(message: str) -> RpcError:
    """Return the error response for a request that may succeed a moment later."""
    error = RpcError(INTERNAL_CODE, message, status=503)
    error.headers = (("Retry-After", "1"),)
    return error


def internal_error() -> RpcError:
    """Return the error response for an unexpected error, which is logged."""
    return RpcError(INTERNAL_CODE, INTERNAL_ERROR, status=500)
