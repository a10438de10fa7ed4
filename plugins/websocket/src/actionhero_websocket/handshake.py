"""The opening of a WebSocket connection: what is asked, and what is agreed on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_web.upgrades import UpgradeRefused

if TYPE_CHECKING:
    from actionhero_web.cors import Cors
    from actionhero_web.upgrades import UpgradeRequest

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
#: RFC 7692: each message stands for itself, so that a broadcast is compressed once for all.
_AGREED: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class Agreement(NamedTuple):
    """What came of a handshake."""

    #: Further headers of the answer.
    headers: dict[str, str]
    #: Whether messages are compressed.
    deflates: bool


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
    deflates = compress and _offers_deflate(headers.getall("Sec-WebSocket-Extensions", ()))
    if deflates:
        answer["Sec-WebSocket-Extensions"] = _AGREED
    return Agreement(answer, deflates)


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


def _offers_deflate(lines: list[str] | tuple[str, ...]) -> bool:
    """Tell whether one of the offers of compression is one that we can agree to."""
    return any(_is_agreeable(offer) for offer in ",".join(lines).split(","))


def _is_agreeable(offer: str) -> bool:
    name, *parameters = (part.strip() for part in offer.split(";"))
    if name != "permessage-deflate":
        return False
    seen: set[str] = set()
    for parameter in parameters:
        key, equals, value = (part.strip().strip('"') for part in parameter.partition("="))
        if key in seen:
            return False
        seen.add(key)
        if key in {"server_no_context_takeover", "client_no_context_takeover"}:
            if equals:
                return False
        elif key == "client_max_window_bits":
            # We can inflate every window, so there is nothing to answer.
            if equals and not _is_window(value):
                return False
        elif key != "server_max_window_bits" or value != "15":
            # One frame is sent to all: with the largest window, or not compressed.
            return False
    return True


def _is_window(value: str) -> bool:
    return value in {"8", "9", "10", "11", "12", "13", "14", "15"}
