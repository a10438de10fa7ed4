"""`AllowedHosts`: the names by which clients may address this server."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: RFC 3986 §3.2.2, without the delimiters that no name in use contains, such as a comma.
_AUTHORITY: Final = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|((?:[0-9A-Za-z._~-]|%[0-9A-Fa-f]{2})+))(?::([0-9]*))?"
)
_PATTERN: Final = re.compile(
    r"\*|(?:\*?\.)?[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
)
_NAME: Final = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*")
#: The names of the own machine, and every IP address: a page of another site can reach a server
#: through DNS under the name of that site only, so an address in `Host` is no attack.
LOCAL_HOSTS: Final = ("localhost", ".localhost")


class AllowedHosts:
    """Checks the values of `Host` headers.

    Args:
        names: Host names without port, `.example.com` or `*.example.com` for a domain with its
            subdomains, IP addresses, or `*` for every valid name.
        addresses: Whether every IP address is allowed too.

    Raises:
        ValueError: A name is invalid; the message contains it.
    """

    def __init__(self, names: Iterable[str], *, addresses: bool = False) -> None:
        exact: set[str] = set()
        domains: set[str] = set()
        for name in names:
            entry = name.strip().lower()
            if not _PATTERN.fullmatch(entry):
                raise ValueError(
                    f"{name!r} is not a host name; write 'example.com' without scheme and port, "
                    "'.example.com' for a domain with its subdomains, or '*'"
                )
            if entry.startswith(("*.", ".")):
                domains.add(entry.lstrip("*"))
                exact.add(entry.lstrip("*."))
            else:
                exact.add(_normalized(entry.strip("[]")))
        self._exact = frozenset(exact)
        self._domains = tuple(domains)
        self._allows_all = "*" in exact
        self._allows_addresses = addresses
        # A server gets requests for few names, and the check takes microseconds.
        self._check_cached = lru_cache(maxsize=256)(self._check)

    def problem(self, host: bytes, *, allowed: bool = False) -> str | None:
        """Return why a `Host` header, or the authority of a request target, is refused.

        Args:
            host: The name, with or without a port.
            allowed: Whether every valid name is allowed (RFC 3986).
        """
        return self._check_cached(host, allowed)

    def _check(self, host: bytes, allowed: bool) -> str | None:
        match = _AUTHORITY.fullmatch(host)
        if match is None or len(host) > 300:
            return "the Host header is malformed"
        bracketed, name, port = match.groups()
        if port and (len(port) > 5 or int(port) > 65535):
            return "the port in the Host header is malformed"
        if bracketed is not None:
            try:
                text = str(ipaddress.IPv6Address(bracketed.decode()))
            except ValueError:
                return "the Host header is malformed"
        else:
            text = name.decode().lower().removesuffix(".")
        if allowed or self._allows_all or self._includes(text):
            return None
        return f"the host {text!r} is not in web.allowed_hosts"

    def _includes(self, name: str) -> bool:
        if name in self._exact or name.endswith(self._domains):
            return True
        return self._allows_addresses and _is_address(name)


def is_host_name(text: str) -> bool:
    """Return whether a text is a host name, and neither empty nor an address."""
    return _NAME.fullmatch(text) is not None and not text.replace(".", "").isdigit()


def _normalized(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
