"""The IP addresses of clients and hosts."""

from __future__ import annotations

import pytest

from actionhero.transport import client_network, is_loopback, parse_ip_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_addresses_are_parsed_without_zone_and_mapping(text: str, address: str) -> None:
    """A dual-stack socket reports addresses of IPv4 as mapped ones."""
    assert str(parse_ip_address(text)) == address


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "[::1]", "1.2.3.4:80"])
def test_other_texts_are_no_addresses(text: str) -> None:
    """The caller removes a port and brackets."""
    assert parse_ip_address(text) is None


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix", "unix"),
        (None, ""),
    ],
)
def test_the_network_of_a_client_is_that_of_one_customer(remote: str | None, network: str) -> None:
    """In IPv6, a customer has all addresses of a network of 64 bits."""
    assert client_network(remote) == network


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_hosts_are_this_machine(host: str, expected: bool) -> None:
    """Also in the form of a dual-stack socket."""
    assert is_loopback(host) is expected
