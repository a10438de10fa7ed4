"""Free ports for the servers of tests."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The file with the first and the last ephemeral port of Linux:
#: https://docs.kernel.org/networking/ip-sysctl.html, `ip_local_port_range`.
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: The first ephemeral port without that file: the default of Linux. Other systems start at 49152,
#: as in RFC 6335.
FIRST_EPHEMERAL = 32_768
#: Lower ports are used by the services of a machine.
FIRST = 10_000
LAST = 65_535


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1 that is not ephemeral.

    A server on this port can be stopped and started again. The system chooses an ephemeral port for
    port 0, and uses such ports for outgoing connections too: while the server is stopped, any
    connection of this machine may take its port.
    """
    ports = _ports()
    while True:
        # Not `random`: with the same seed, parallel test processes would choose the same ports.
        port = secrets.choice(ports)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _ports() -> Sequence[int]:
    first, last = FIRST_EPHEMERAL, LAST
    with suppress(OSError):
        first, last = map(int, EPHEMERAL.read_text("ascii").split())
    ports = [*range(FIRST, min(first, LAST + 1)), *range(max(last + 1, FIRST), LAST + 1)]
    # If all ports are ephemeral, there is no better choice.
    return ports or range(FIRST, LAST + 1)
