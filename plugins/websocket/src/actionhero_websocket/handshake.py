"""The opening of a WebSocket connection: what is asked, and what is agreed on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_web import UpgradeRefused

if TYPE_CHECKING:
    from actionhero_web import Cors, UpgradeRequest

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
#: RFC 7692: each message stands for itself, so that a broadcast is compressed once for all.
_AGREED: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#: The window of what we compress, where the client does not ask for a smaller one.
WINDOW_BITS: Final = 15
#: The windows that a client may ask us for: there is none of 8 in zlib.
_WINDOWS: Final = range(9, 16)


class Agreement(NamedTuple):
    """What came of a handshake."""

    #: Further headers of the answer.
    headers: dict[str, str]
    #: How far back the compression of what we send looks; 0: nothing is compressed.
    window_bits: int


def agree(request: UpgradeRequest, cors: Cors, *, compress: bool) -> Agreement:
    """Return what a connection begins with.

    Args:
        request: What the client asks for.
        cors: Whose pages may ask, beside our own.
        compress: Whether messages may be compressed.

    Raises:
        UpgradeRefused: It is no handshake of WebSocket, or comes from a page that may not.
    """
    headers = request.headers
    if headers.getall("Sec-WebSocket-Version", ()) != ["13"]:
        version = {"Sec-WebSocket-Version": "13"}
        raise UpgradeRefused(426, "The Sec-WebSocket-Version header must be 13", version)
    accepted = _accept(headers.getall("Sec-WebSocket-Key", ()))
    origins = headers.getall("Origin", (None,))
    if len(origins) > 1 or not cors.origin_allowed(origins[0], request.origin):
        raise UpgradeRefused(403, "Origin not allowed")
    answer = {"Sec-WebSocket-Accept": accepted}
    asked = ",".join(headers.getall("Sec-WebSocket-Protocol", ())).split(",")
    subprotocol = next((name for name in map(str.strip, asked) if name), None)
    if subprotocol is not None:
        if not _TOKEN.fullmatch(subprotocol):
            raise UpgradeRefused(400, "The Sec-WebSocket-Protocol header is malformed")
        answer["Sec-WebSocket-Protocol"] = subprotocol
    window_bits = 0
    if compress:
        window_bits, agreed = _deflate(headers.getall("Sec-WebSocket-Extensions", ()))
        if window_bits:
            answer["Sec-WebSocket-Extensions"] = agreed
    return Agreement(answer, window_bits)


def _accept(keys: list[str] | tuple[str, ...]) -> str:
    """Return the proof that we have understood, made from the key."""
    try:
        is_sound = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except (binascii.Error, ValueError):
        is_sound = False
    if not is_sound:
        raise UpgradeRefused(400, "The Sec-WebSocket-Key header must be 16 bytes in base64")
    # A digest that is no secret, by the standard.
    digest = hashlib.sha1(keys[0].encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _deflate(lines: list[str] | tuple[str, ...]) -> tuple[int, str]:
    """Return the window and the answer to the first offer that we can agree to; 0: to none."""
    for offer in ",".join(lines).split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name != "permessage-deflate":
            continue
        window_bits = _window_of(parameters)
        if window_bits == WINDOW_BITS:
            return window_bits, _AGREED
        if window_bits:
            return window_bits, f"{_AGREED}; server_max_window_bits={window_bits}"
    return 0, ""


def _window_of(parameters: list[str]) -> int:
    """Return the window that an offer asks us for; 0: it is none that we can agree to."""
    window_bits = WINDOW_BITS
    seen: set[str] = set()
    for parameter in parameters:
        key, equals, value = (part.strip().strip('"') for part in parameter.partition("="))
        if key in seen:
            return 0
        seen.add(key)
        if key in {"server_no_context_takeover", "client_no_context_takeover"}:
            if equals:
                return 0
        elif key == "client_max_window_bits":
            # We can inflate every window, so there is nothing to answer.
            if equals and value != "8" and value not in map(str, _WINDOWS):
                return 0
        elif key == "server_max_window_bits" and value in map(str, _WINDOWS):
            window_bits = int(value)
        else:
            return 0
    return window_bits
