"""The address of the listener: host and port."""

from __future__ import annotations


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of an address such as `127.0.0.1:9464` or `[::1]:9464`.

    Raises:
        ValueError: It is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("should be a host and a port, such as '127.0.0.1:9464'")
    return host, int(port)
