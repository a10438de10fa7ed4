"""The headers that repeat parts of a message, for proxies that route by them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import HEADER_MISMATCH, METHODS, PROTOCOL_VERSION

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.jsonrpc import Request

VERSION: Final = "MCP-Protocol-Version"
_METHOD: Final = "Mcp-Method"
_NAME: Final = "Mcp-Name"
_PREFIX: Final = "=?base64?"
_SUFFIX: Final = "?="
#: Visible ASCII characters, spaces and tabs.
_PLAIN: Final = re.compile(r"[\x20-\x7e\t]*")
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}(?:\.0{1,20})?")

#: The members of the parameters that `Mcp-Name` repeats, by method.
_NAMED: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}


def check_headers(request: Request, headers: CIMultiDictProxy[str], catalog: Catalog) -> None:
    """Check that the headers of a request repeat its message.

    Raises:
        RpcError: One is missing, doubled, malformed, or different from the message.
    """
    if len(headers.getall(VERSION, ())) != 1 or headers[VERSION] != request.meta[PROTOCOL_VERSION]:
        _check(headers, VERSION, request.meta[PROTOCOL_VERSION], is_encoded=False)
    if request.method not in METHODS or headers.getall(_METHOD, ()) != [request.method]:
        _check(headers, _METHOD, request.method, is_encoded=False)
    member = _NAMED.get(request.method)
    if member is None:
        return
    name = request.params.get(member)
    if not isinstance(name, str):
        return
    _check(headers, _NAME, name)
    if request.method != "tools/call":
        return
    tool = catalog.tools.get(name)
    if tool is None or not tool.header_parameters:
        return
    arguments = request.params.get("arguments")
    if not isinstance(arguments, dict):
        return
    for header, parameter in tool.header_parameters.items():
        value = arguments.get(parameter)
        if value is not None or header in headers:
            _check(headers, header, value)


def _check(
    headers: CIMultiDictProxy[str], name: str, expected: Any, *, is_encoded: bool = True
) -> None:
    values = headers.getall(name, ())
    if len(values) == 1 and values[0] == expected and _is_plain(expected):
        return
    if len(values) != 1:
        fault = "is missing" if not values else "is sent twice"
        raise _mismatch(f"the header {name} {fault}")
    # Spaces around a value are not a part of it (RFC 9110 §5.5).
    text = values[0].strip(" \t")
    if not _PLAIN.fullmatch(text):
        raise _mismatch(f"the header {name} contains invalid characters")
    if is_encoded and text.startswith(_PREFIX) and text.endswith(_SUFFIX):
        text = _decode(name, text[len(_PREFIX) : -len(_SUFFIX)])
    if not _equals(text, expected):
        raise _mismatch(f"the header {name} differs from the message")


def _is_plain(text: str) -> bool:
    """Return whether a header is equal to a text of the message in its usual spelling."""
    return text.isascii() and text.isprintable() and not text.startswith(_PREFIX)


def _decode(name: str, text: str) -> str:
    """Return the text in a Base64 value; only the canonical form is accepted."""
    try:
        data = base64.b64decode(text, validate=True)
        decoded = data.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _mismatch(f"the header {name} is no Base64 of UTF-8") from None
    if base64.b64encode(data).decode() != text:
        raise _mismatch(f"the header {name} is no canonical Base64")
    return decoded


def _equals(text: str, expected: Any) -> bool:
    if isinstance(expected, bool):
        return text == ("true" if expected else "false")
    if isinstance(expected, int | float):
        return bool(_INTEGER.fullmatch(text)) and int(text.partition(".")[0]) == expected
    return bool(text == expected)


def _mismatch(reason: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, f"Header mismatch: {reason}")
