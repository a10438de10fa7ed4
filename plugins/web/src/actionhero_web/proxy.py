"""Who is really asking, when proxies stand between us: `TrustedProxies`."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import MultiMapping

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

REQUEST_ID_LIMIT: Final = 200

_REQUEST_ID: Final = re.compile(rf"[\x21-\x7e]{{1,{REQUEST_ID_LIMIT}}}", re.ASCII)
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
#: One `name=value` of a `Forwarded` element; the value is a token or a quoted string.
_PAIR: Final = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w:\[\]-]+)|\"((?:[^\"\\]|\\.)*)\")[ \t]*",
    re.ASCII,
)
_ADDRESS: Final = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d{1,5})?|([\d.]+)(?::\d{1,5})?", re.ASCII)


class ForwardedClient(NamedTuple):
    """The other side of a request."""

    #: Its address; `None` on a Unix socket without a proxy that tells more.
    address: str | None
    #: How it reached the outermost proxy: `http` or `https`.
    scheme: str
    #: The identifier that the request came with; `None`: make one.
    request_id: str | None


class TrustedProxies:
    """The proxies whose word is taken for who the client is.

    From every other peer the headers are ignored. From a trusted one they are read from the right:
    each proxy adds who connected to *it*, so an entry is worth as much as the proxy that wrote it.
    The first entry that is not a trusted proxy is the client. `Forwarded` (RFC 7239) wins over
    `X-Forwarded-For` and `X-Forwarded-Proto`. What cannot be understood ends the reading there.

    Args:
        trusted: Addresses (`127.0.0.1`), networks (`10.0.0.0/8`), and `unix` for whoever connects
            through a Unix socket.

    Raises:
        ValueError: One of them is none of these; the message names it.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        entries = [entry.strip() for entry in trusted]
        self._trusts_unix = "unix" in entries
        self._networks = tuple(_checked_network(entry) for entry in entries if entry != "unix")
        #: Whether there are any. If not, `client` has nothing to look at.
        self.configured = bool(entries)
        # Proxies are few and connect again and again; reading an address takes microseconds.
        self._is_trusted_text = lru_cache(maxsize=1024)(self._look_up)

    def trusts(self, peer: str | None) -> bool:
        """Tell whether a peer is a trusted proxy.

        Args:
            peer: Its address; `None` or empty on a Unix socket.
        """
        if not self.configured:
            return False
        return self._is_trusted_text(peer) if peer else self._trusts_unix

    def client(self, peer: str | None, scheme: str, headers: MultiMapping[str]) -> ForwardedClient:
        """Return who is asking.

        Args:
            peer: The address of whoever is connected to us; `None` or empty on a Unix socket.
            scheme: How they are connected: `http` or `https`.
            headers: Of the request. A header may be there several times.
        """
        if not self.configured or not self.trusts(peer):
            return ForwardedClient(peer or None, scheme, None)
        # The last, should there be several: the nearest proxy added it.
        request_id = headers.getall("X-Request-Id", [None])[-1]
        if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
            request_id = None
        if "Forwarded" in headers:
            address, told_scheme = self._read_forwarded(headers.getall("Forwarded"))
        else:
            address, told_scheme = self._read_x_forwarded(headers)
        return ForwardedClient(address or peer or None, told_scheme or scheme, request_id)

    def _read_forwarded(self, lines: Iterable[str]) -> tuple[str | None, str | None]:
        address = scheme = None
        # A comma inside quotes would be torn apart here. No proxy writes one, and what a client
        # wrote is only looked at if a trusted proxy vouches for the client.
        for element in reversed(",".join(lines).split(",")):
            pairs = _pairs(element)
            if pairs is None:
                break
            # The proxy that tells of its client also tells how that client came.
            scheme = _SCHEMES.get(pairs.get("proto", "").lower(), scheme)
            hop = _address(pairs.get("for", ""))
            if hop is None:
                break
            address = str(hop)
            if not self._contains(hop):
                break
        return address, scheme

    def _read_x_forwarded(self, headers: MultiMapping[str]) -> tuple[str | None, str | None]:
        hops = _items(headers, "X-Forwarded-For")
        address = None
        read = 0
        for text in reversed(hops):
            hop = _address(text)
            if hop is None:
                break
            read += 1
            address = str(hop)
            if not self._contains(hop):
                break
        schemes = _items(headers, "X-Forwarded-Proto")
        if not schemes:
            return address, None
        # One for each hop, or one that the outermost proxy set for all.
        is_parallel = read > 0 and len(schemes) == len(hops)
        return address, _SCHEMES.get(schemes[-read if is_parallel else -1].lower())

    def _look_up(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and self._contains(address)

    def _contains(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _items(headers: MultiMapping[str], name: str) -> list[str]:
    """Return the items of a comma-separated header, over all lines of that name."""
    if name not in headers:
        return []
    return [item.strip() for item in ",".join(headers.getall(name)).split(",")]


def _pairs(element: str) -> dict[str, str] | None:
    """Return the pairs of one element of `Forwarded`; `None` if it is malformed."""
    pairs: dict[str, str] = {}
    position = 0
    while True:
        found = _PAIR.match(element, position)
        if found is None:
            return None
        name, token, quoted = found.groups()
        value = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        if pairs.setdefault(name.lower(), value) is not value:
            return None
        position = found.end()
        if position == len(element):
            return pairs
        if element[position] != ";":
            return None
        position += 1


def _address(text: str) -> _Address | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`, if it is one."""
    found = _ADDRESS.fullmatch(text)
    if found is not None:
        text = found[1] or found[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket that takes both families writes 1.2.3.4 as ::ffff:1.2.3.4.
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def _checked_network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"the trusted proxy {text!r} is not an address or a network: {error}; "
            "write '127.0.0.1', '10.0.0.0/8', or 'unix'"
        ) from error
