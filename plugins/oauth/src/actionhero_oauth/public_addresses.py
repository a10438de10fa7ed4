"""Addresses on the public internet, and connections to no others."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from aiohttp.abc import AbstractResolver

#: The addresses of IPv6 that are assigned to the internet (RFC 4291 §2.4).
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")


def is_global(address: str) -> bool:
    """Return whether an address is on the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    if ip.ipv4_mapped is not None:
        return is_global(str(ip.ipv4_mapped))
    # Not those that a gateway translates to IPv4 (RFC 6052), or that contain one.
    is_translated = ip.sixtofour is not None or ip.teredo is not None
    return ip in _GLOBAL_UNICAST and ip.is_global and not is_translated


def is_address(host: str) -> bool:
    """Return whether a host is an address, which aiohttp would not pass to the resolver.

    Also one that only the operating system takes for an address, such as `2130706433`: its last
    part is a number (WHATWG URL §3.5).
    """
    if ":" in host:
        return True
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or bool(re.fullmatch("0x[0-9a-f]*", last))


def public_session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    """Return a session that connects to the addresses of a resolver only."""
    import aiohttp  # noqa: PLC0415 - only where a client has a document

    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=4)
    # Without the proxies and the passwords of the environment.
    return aiohttp.ClientSession(connector=connector, trust_env=False)


def public_resolver(is_allowed: Callable[[str], bool]) -> AbstractResolver:
    """Return a resolver of allowed addresses only."""
    from aiohttp.abc import AbstractResolver  # noqa: PLC0415 - only where a client has a document
    from aiohttp.resolver import ThreadedResolver  # noqa: PLC0415

    class Resolver(AbstractResolver):
        """Resolves names to allowed addresses only; aiohttp connects to these."""

        def __init__(self) -> None:
            self._inner = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> Any:
            addresses = await self._inner.resolve(host, port, family)
            if not all(is_allowed(item["host"]) for item in addresses):
                raise OSError("the address is not public")
            return addresses

        async def close(self) -> None:
            await self._inner.close()

    return Resolver()
