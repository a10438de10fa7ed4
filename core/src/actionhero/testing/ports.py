"""Ports for the servers of tests."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where Linux tells which ports it gives to clients, the first and the last:
#: https://docs.kernel.org/networking/ip-sysctl.html, `ip_local_port_range`.
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: The first port that a system may give to a client if it does not tell: that of Linux as it
#: comes. Others begin at 49152, as IANA has it (RFC 6335).
FIRST_EPHEMERAL = 32_768
#: Below, there are the servers that a machine may have anyway.
FIRST = 10_000
LAST = 65_535


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on, and that no client is given.

    A server that gets it can be stopped and started again in its place. A port that the system
    has chosen, as for port 0, is one of those that it also gives to clients, each for as long as
    a connection lasts: while the server is away, any connection of this machine may take its place.
    """
    ports = _ports()
    while True:
        # Not `random`: what seeds it for tests lets processes side by side choose alike.
        port = secrets.choice(ports)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _ports() -> Sequence[int]:
    first, last = FIRST_EPHEMERAL, LAST
    with suppress(OSError):
        first, last = map(int, EPHEMERAL.read_text("ascii").split())
    ports = [*range(FIRST, min(first, LAST + 1)), *range(max(last + 1, FIRST), LAST + 1)]
    # A system that gives all of them to clients leaves no better choice.
    return ports or range(FIRST, LAST + 1)
