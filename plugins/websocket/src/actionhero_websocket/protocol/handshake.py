"""The opening handshake of a WebSocket connection: validation and negotiation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_web import UpgradeRefused

if TYPE_CHECKING:
    from actionhero_web import Cors, UpgradeRequest

logger = logging.getLogger("actionhero.websocket")

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
#: RFC 7692: messages are independent, so a broadcast is compressed once for all clients.
_EXTENSION: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#: The window of our compression, unless the client requests a smaller one.
WINDOW_BITS: Final = 15
#: The windows that a client may request; zlib does not support 8.
_WINDOWS: Final = range(9, 16)


class Handshake(NamedTuple):
    """The result of a handshake."""

    #: Further headers of the response.
    headers: dict[str, str]
    #: The window of our compression, as a base-two logarithm; 0: no compression.
    window_bits: int


def negotiate(
    request: UpgradeRequest,
    cors: Cors,
    *,
    compress: bool,
    origin_message: str,
    has_session: bool = False,
) -> Handshake:
    """Validate a handshake, and negotiate the subprotocol and compression.

    Args:
        request: The request of the client.
        cors: The origins that are allowed in addition to our own.
        compress: Whether to accept an offer of compression.
        origin_message: The body of the response to an origin that is not allowed.
        has_session: Whether the request has a session cookie that pages of other sites must not
            use.

    Raises:
        UpgradeRefused: The handshake is invalid, or its origin is not allowed.
    """
    headers = request.headers
    _check_origin(request, cors, origin_message, has_session=has_session)
    if headers.getall("Sec-WebSocket-Version", ()) != ["13"]:
        version = {"Sec-WebSocket-Version": "13"}
        raise UpgradeRefused(426, "The Sec-WebSocket-Version header must be 13", version)
    accept_key = _accept_key(headers.getall("Sec-WebSocket-Key", ()))
    response = {"Sec-WebSocket-Accept": accept_key}
    requested = ",".join(headers.getall("Sec-WebSocket-Protocol", ())).split(",")
    subprotocol = next((name for name in map(str.strip, requested) if name), None)
    if subprotocol is not None:
        if not _TOKEN.fullmatch(subprotocol):
            raise UpgradeRefused(400, "The Sec-WebSocket-Protocol header is malformed")
        response["Sec-WebSocket-Protocol"] = subprotocol
    window_bits = 0
    if compress:
        offers = headers.getall("Sec-WebSocket-Extensions", ())
        window_bits, extension = _negotiate_compression(offers)
        if window_bits:
            response["Sec-WebSocket-Extensions"] = extension
    return Handshake(response, window_bits)


def _check_origin(request: UpgradeRequest, cors: Cors, text: str, *, has_session: bool) -> None:
    origins = request.headers.getall("Origin", (None,))
    if len(origins) == 1 and cors.origin_allowed(
        origins[0], request.origin, has_session=has_session
    ):
        return
    logger.warning(
        "refused a WebSocket from the origin %.300r, as the own origin is %.300r; list it in "
        "web.allowed_origins, or check Host and X-Forwarded-Proto of the proxy",
        ", ".join(map(str, origins)),
        request.origin,
        extra={"remote": request.remote, "request_id": request.request_id},
    )
    raise UpgradeRefused(403, text)


def _accept_key(keys: list[str] | tuple[str, ...]) -> str:
    """Return the value of `Sec-WebSocket-Accept` for the key of the client."""
    try:
        is_valid = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except (binascii.Error, ValueError):
        is_valid = False
    if not is_valid:
        raise UpgradeRefused(400, "The Sec-WebSocket-Key header must be 16 bytes in base64")
    # SHA-1 by the standard; the digest is no secret.
    digest = hashlib.sha1(keys[0].encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _negotiate_compression(offers: list[str] | tuple[str, ...]) -> tuple[int, str]:
    """Return the window and the response to the first acceptable offer; a window of 0: none is."""
    for offer in ",".join(offers).split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name != "permessage-deflate":
            continue
        window_bits = _requested_window(parameters)
        if window_bits == WINDOW_BITS:
            return window_bits, _EXTENSION
        if window_bits:
            return window_bits, f"{_EXTENSION}; server_max_window_bits={window_bits}"
    return 0, ""


def _requested_window(parameters: list[str]) -> int:
    """Return the window of our compression that an offer requests; 0: it is not acceptable."""
    window_bits = WINDOW_BITS
    keys: set[str] = set()
    for parameter in parameters:
        key, equals, value = (part.strip().strip('"') for part in parameter.partition("="))
        if key in keys:
            return 0
        keys.add(key)
        if key in {"server_no_context_takeover", "client_no_context_takeover"}:
            if equals:
                return 0
        elif key == "client_max_window_bits":
            # We inflate every window, so no response is needed.
            if equals and value != "8" and value not in map(str, _WINDOWS):
                return 0
        elif key == "server_max_window_bits" and value in map(str, _WINDOWS):
            window_bits = int(value)
        else:
            return 0
    return window_bits
