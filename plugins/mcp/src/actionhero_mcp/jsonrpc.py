"""JSON-RPC 2.0: the messages of clients and the responses, as bytes."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, TypeAlias, TypeGuard

from actionhero import MalformedRequest
from actionhero.transport import dumps, loads, loads_plain
from actionhero_mcp.revisions import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR

RequestId: TypeAlias = str | int

_HEAD: Final = b'{"jsonrpc":"2.0",'
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class RpcError(Exception):
    """An error response.

    Args:
        code: The code.
        message: The message for the client.
        data: Further facts.
        status: The HTTP status in the newest revision.
        headers: Further headers of the HTTP response.
    """

    def __init__(
        self,
        code: int,
        message: str,
        data: Any = None,
        *,
        status: int = 400,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers


class Request:
    """A request of a client, or a notification, which has no id.

    Args:
        method: The method.
        params: The parameters.
        id: The id; `None`: it is a notification.
        is_plain: Whether it was parsed by `loads_plain`.
    """

    __slots__ = ("id", "is_plain", "meta", "method", "params")

    def __init__(
        self,
        method: str,
        params: dict[str, Any],
        id: RequestId | None,
        *,
        is_plain: bool = False,
    ) -> None:
        self.method = method
        self.params = params
        self.id = id
        self.is_plain = is_plain
        #: The member `_meta` of the parameters.
        meta = params.get("_meta")
        self.meta: dict[str, Any] = meta if isinstance(meta, dict) else {}


class Response(NamedTuple):
    """A response of a client to a request of the server."""

    id: RequestId
    result: Any
    error: Any


def parse(body: bytes) -> Request | Response:
    """Return the message in the body of a request, or in a line.

    Raises:
        RpcError: It is not JSON, or not a message. `exception.args` never contains a part of it.
    """
    value = loads_plain(body)
    is_plain = value is not None
    if not is_plain:
        try:
            value = loads(body)
        except MalformedRequest as error:
            raise RpcError(PARSE_ERROR, f"Parse error: {error.message}") from None
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "Invalid request: batches are not supported")
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, "Invalid request: it is not an object")
    if value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "Invalid request: jsonrpc is not '2.0'")
    has_id = "id" in value
    id = value.get("id")
    if has_id and not is_request_id(id):
        raise RpcError(INVALID_REQUEST, "Invalid request: id is neither text nor an integer")
    method = value.get("method")
    if method is None and ("result" in value or "error" in value) and id is not None:
        return Response(id, value.get("result"), value.get("error"))
    if not isinstance(method, str):
        raise identified(RpcError(INVALID_REQUEST, "Invalid request: it has no method"), id)
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise identified(RpcError(INVALID_PARAMS, "Invalid params: they are not an object"), id)
    if "_meta" in params and not isinstance(params["_meta"], dict):
        raise identified(RpcError(INVALID_PARAMS, "Invalid params: _meta is not an object"), id)
    return Request(method, params, id, is_plain=is_plain)


def is_request_id(value: Any) -> TypeGuard[RequestId]:
    """Return whether a value is an id of a request, or a token, which the server repeats."""
    if type(value) is int:
        return True
    # A lone surrogate is no Unicode, so that a response could not repeat it.
    return isinstance(value, str) and (value.isascii() or not _SURROGATE.search(value))


def identified(error: RpcError, id: RequestId | None) -> RpcError:
    """Return an error with the id of its request, for `error_bytes`."""
    error.__dict__["request_id"] = id
    return error


def result_bytes(id: RequestId, result: bytes) -> bytes:
    """Return the response with a result, which is a JSON object in bytes."""
    number = b"%d" % id if type(id) is int else dumps(id)
    return b'%b"id":%b,"result":%b}' % (_HEAD, number, result)


def error_bytes(id: RequestId | None, error: RpcError) -> bytes:
    """Return the response with an error."""
    if id is None:
        id = error.__dict__.get("request_id")
    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        document["data"] = error.data
    return b'%b"id":%b,"error":%b}' % (_HEAD, dumps(id), dumps(document))


def notification_bytes(method: str, params: dict[str, Any]) -> bytes:
    """Return a notification of the server."""
    return dumps({"jsonrpc": "2.0", "method": method, "params": params})


def request_bytes(id: RequestId, method: str, params: dict[str, Any]) -> bytes:
    """Return a request of the server."""
    return dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
