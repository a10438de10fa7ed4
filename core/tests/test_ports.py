"""Free ports for servers in tests."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

import pytest

from actionhero.testing import free_port, running

if TYPE_CHECKING:
    from pathlib import Path


def test_free_ports_are_not_ephemeral() -> None:
    """An ephemeral port could be used by a client when a server restarts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            client_ports = {address[1], client.getsockname()[1]}
    free_ports = [free_port() for _ in range(50)]

    assert len(set(free_ports)) > 1
    if running.EPHEMERAL.exists():
        first, last = map(int, running.EPHEMERAL.read_text().split())
        assert all(first <= port <= last for port in client_ports)
        assert not any(first <= port <= last for port in free_ports)


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("32768\t60999\n", {10_000, 10_001, 32_767, 61_000, 65_535}),
        ("10002 65534", {10_000, 10_001, 65_535}),
        ("1024 65533", {65_534, 65_535}),
        ("1024 9999", {10_000, 65_535}),
        (None, {10_000, 32_767}),
    ],
)
def test_the_ephemeral_range_of_the_system_is_avoided(
    text: str | None, free: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any range that an administrator sets, and the default of Linux without one."""
    path = tmp_path / "ip_local_port_range"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(running, "EPHEMERAL", path)
    first, last = map(int, (text or "32768 65535").split())

    chosen = set(running._ports())

    assert free <= chosen
    assert not any(first <= port <= last for port in chosen)


def test_a_port_is_chosen_if_all_ports_are_ephemeral(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that a client may take is better than none."""
    path = tmp_path / "ip_local_port_range"
    path.write_text("1024 65535")
    monkeypatch.setattr(running, "EPHEMERAL", path)

    assert 10_000 <= free_port() <= 65_535


def test_used_ports_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server uses the first port that is tried."""
    other = free_port()
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        tried = iter([taken, other])
        monkeypatch.setattr(secrets, "choice", lambda _: next(tried))

        assert free_port() == other
