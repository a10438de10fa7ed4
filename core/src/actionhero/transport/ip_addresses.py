"""`parse_ip_address`, `client_network` and `is_loopback`: the IP addresses of clients and hosts."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

#: The network of one customer in IPv6; a customer has all of its addresses.
_IPV6_PREFIX_BITS: Final = 64


def parse_ip_address(text: str) -> IpAddress | None:
    """Return an address without its zone; `None` if the text is none.

    A dual-stack socket reports 1.2.3.4 as ::ffff:1.2.3.4, which is returned as 1.2.3.4.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


@lru_cache(maxsize=10_000)
def client_network(remote: str | None) -> str:
    """Return the IPv4 address of a client, or its IPv6 network of 64 bits.

    Args:
        remote: The address of the client. A text that is no address, such as that of a Unix socket,
            is returned unchanged; clients without an address share the empty text.
    """
    address = parse_ip_address(remote or "")
    if address is None:
        return remote or ""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX_BITS), strict=False))


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Return whether a host, an address or `localhost`, is this machine."""
    address = parse_ip_address(host)
    return host == "localhost" if address is None else address.is_loopback
