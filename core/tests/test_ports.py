"""Ports that servers of tests get."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

import pytest

from actionhero.testing import free_port, ports

if TYPE_CHECKING:
    from pathlib import Path


def test_a_port_is_none_that_clients_are_given() -> None:
    """The system gives those; a server that starts again would find its own taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            of_clients = {address[1], client.getsockname()[1]}
    found = [free_port() for _ in range(50)]

    assert len(set(found)) > 1
    if ports.EPHEMERAL.exists():
        first, last = map(int, ports.EPHEMERAL.read_text().split())
        assert all(first <= port <= last for port in of_clients)
        assert not any(first <= port <= last for port in found)


@pytest.mark.parametrize(
    ("told", "free"),
    [
        ("32768\t60999\n", {10_000, 10_001, 32_767, 61_000, 65_535}),
        ("10002 65534", {10_000, 10_001, 65_535}),
        ("1024 65533", {65_534, 65_535}),
        ("1024 9999", {10_000, 65_535}),
        (None, {10_000, 32_767}),
    ],
)
def test_what_the_system_tells_is_kept_to(
    told: str | None, free: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an administrator has set; and where nothing is told, what is true of Linux."""
    path = tmp_path / "ip_local_port_range"
    if told is not None:
        path.write_text(told)
    monkeypatch.setattr(ports, "EPHEMERAL", path)
    first, last = map(int, (told or "32768 65535").split())

    chosen = set(ports._ports())

    assert free <= chosen
    assert not any(first <= port <= last for port in chosen)


def test_a_system_that_gives_clients_all_still_has_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that somebody may take is better than none."""
    path = tmp_path / "ip_local_port_range"
    path.write_text("1024 65535")
    monkeypatch.setattr(ports, "EPHEMERAL", path)

    assert 10_000 <= free_port() <= 65_535


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a server on the first that is tried."""
    other = free_port()
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        tried = iter([taken, other])
        monkeypatch.setattr(secrets, "choice", lambda _: next(tried))

        assert free_port() == other
