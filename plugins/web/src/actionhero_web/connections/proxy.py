"""The address of a client behind reverse proxies: `TrustedProxies`."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from actionhero.transport import parse_ip_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import MultiMapping

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
#: The address, the scheme and the host of a client, as far as headers report them.
_Forwarded: TypeAlias = tuple[str | None, str | None, str | None]

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
    """The client of a request, as reported by trusted proxies."""

    #: The address; `None` on a Unix socket without a trusted proxy.
    address: str | None
    #: The scheme of its connection to the outermost proxy: `http` or `https`.
    scheme: str
    #: The identifier in the request; `None` if a new one is needed.
    request_id: str | None
    #: The host that it has requested from the outermost proxy, with a port if there was one;
    #: `None` if no proxy reports it.
    host: str | None = None


class TrustedProxies:
    """The reverse proxies whose forwarding headers are trusted.

    The headers of every other peer are ignored. Those of a trusted one are evaluated from right to
    left, as each proxy appends the address of *its* peer, so an entry is as trustworthy as the
    proxy that wrote it. The first entry that is not a trusted proxy is the client. `Forwarded`
    (RFC 7239) takes precedence over `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    The evaluation stops at an invalid entry.

    Args:
        trusted: Addresses (`127.0.0.1`), networks (`10.0.0.0/8`), and `unix` for all peers on a
            Unix socket.

    Raises:
        ValueError: An entry is invalid; the message contains it.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        entries = [entry.strip() for entry in trusted]
        self._trusts_unix = "unix" in entries
        self._networks = tuple(_checked_network(entry) for entry in entries if entry != "unix")
        #: Whether there are any. Otherwise `client` ignores the headers.
        self.configured = bool(entries)
        # There are few proxies, with many connections, and parsing an address takes microseconds.
        self._is_trusted_cached = lru_cache(maxsize=1024)(self._is_trusted_address)

    def trusts(self, peer: str | None) -> bool:
        """Return whether a peer is a trusted proxy.

        Args:
            peer: The address of the peer; `None` or empty on a Unix socket.
        """
        if not self.configured:
            return False
        return self._is_trusted_cached(peer) if peer else self._trusts_unix

    def client(self, peer: str | None, scheme: str, headers: MultiMapping[str]) -> ForwardedClient:
        """Return the client of a request.

        Args:
            peer: The address of the peer; `None` or empty on a Unix socket.
            scheme: The scheme of its connection: `http` or `https`.
            headers: The headers of the request, which may be repeated.
        """
        if not self.configured or not self.trusts(peer):
            return ForwardedClient(peer or None, scheme, None)
        # Of repeated headers the last: the nearest proxy added it.
        request_id = headers.getall("X-Request-Id", [None])[-1]
        if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
            request_id = None
        if "Forwarded" in headers:
            address, forwarded_scheme, host = self._parse_forwarded(headers.getall("Forwarded"))
        else:
            address, forwarded_scheme, host = self._parse_x_forwarded(headers)
        address = address or peer or None
        return ForwardedClient(address, forwarded_scheme or scheme, request_id, host)

    def _parse_forwarded(self, lines: Iterable[str]) -> _Forwarded:
        address = scheme = host = None
        # This splits at a comma inside quotes too. No proxy writes one, and the entries of a
        # client are evaluated only if a trusted proxy precedes them.
        for element in reversed(",".join(lines).split(",")):
            pairs = _pairs(element)
            if pairs is None:
                break
            # A proxy reports the scheme and the host together with the address.
            scheme = _SCHEMES.get(pairs.get("proto", "").lower(), scheme)
            host = pairs.get("host") or host
            hop = _address(pairs.get("for", ""))
            if hop is None:
                break
            address = str(hop)
            if not self._contains(hop):
                break
        return address, scheme, host

    def _parse_x_forwarded(self, headers: MultiMapping[str]) -> _Forwarded:
        hops = _items(headers, "X-Forwarded-For")
        address = None
        evaluated = 0
        for text in reversed(hops):
            hop = _address(text)
            if hop is None:
                break
            evaluated += 1
            address = str(hop)
            if not self._contains(hop):
                break

        def outermost(name: str) -> str | None:
            # Either one for each hop, or a single one, set by the outermost proxy.
            items = _items(headers, name)
            is_parallel = evaluated > 0 and len(items) == len(hops)
            return items[-evaluated if is_parallel else -1] if items else None

        scheme = _SCHEMES.get((outermost("X-Forwarded-Proto") or "").lower())
        return address, scheme, outermost("X-Forwarded-Host") or None

    def _is_trusted_address(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and self._contains(address)

    def _contains(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _items(headers: MultiMapping[str], name: str) -> list[str]:
    """Return the items of a comma-separated header, of all its lines."""
    if name not in headers:
        return []
    return [item.strip() for item in ",".join(headers.getall(name)).split(",")]


def _pairs(element: str) -> dict[str, str] | None:
    """Return the pairs of one element of `Forwarded`; `None` if it is malformed."""
    pairs: dict[str, str] = {}
    position = 0
    while True:
        match = _PAIR.match(element, position)
        if match is None:
            return None
        name, token, quoted = match.groups()
        value = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        if pairs.setdefault(name.lower(), value) is not value:
            return None
        position = match.end()
        if position == len(element):
            return pairs
        if element[position] != ";":
            return None
        position += 1


def _address(text: str) -> _Address | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`, if valid."""
    match = _ADDRESS.fullmatch(text)
    if match is not None:
        text = match[1] or match[2]
    return parse_ip_address(text)


def _checked_network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"the trusted proxy {text!r} is not an address or a network: {error}; "
            "write '127.0.0.1', '10.0.0.0/8', or 'unix'"
        ) from error
