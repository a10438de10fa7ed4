"""Who is really asking, when proxies stand between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from actionhero_web.proxy import ForwardedClient, TrustedProxies

TRUSTED = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8", "unix"])


def client(peer: str | None, *headers: tuple[str, str]) -> ForwardedClient:
    return TRUSTED.client(peer, "http", CIMultiDict(headers))


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    """Whatever it says about itself."""
    headers = CIMultiDict({"X-Forwarded-For": "1.1.1.1", "X-Request-Id": "mine"})
    nobody = TrustedProxies()

    assert not nobody.configured
    assert nobody.client("127.0.0.1", "http", headers) == ("127.0.0.1", "http", None)
    assert nobody.client("", "http", headers) == (None, "http", None)


def test_a_stranger_is_not_believed() -> None:
    """It could say that it is anybody."""
    told = client(
        "203.0.113.9",
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=1.1.1.1;proto=https"),
        ("X-Request-Id", "mine"),
    )

    assert told == ("203.0.113.9", "http", None)


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("203.0.113.9,10.1.2.3 , 127.0.0.1", "203.0.113.9"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:DB8:0::7]", "2001:db8::7"),
        ("203.0.113.9, fd00::1", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, ::ffff:10.1.2.3", "203.0.113.9"),
        # What cannot be read ends the reading.
        ("garbage", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("1.1.1.1, , 10.1.2.3", "10.1.2.3"),
        ("1.1.1.1, unknown, 10.1.2.3", "10.1.2.3"),
        ("garbage, 203.0.113.9", "203.0.113.9"),
        ("999.1.1.1", "127.0.0.1"),
        ("1.2.3", "127.0.0.1"),
        ("01.2.3.4", "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    header: str, address: str
) -> None:
    """What stands further left was written by the client itself."""
    assert client("127.0.0.1", ("X-Forwarded-For", header)).address == address


def test_a_header_may_be_there_twice() -> None:
    """A proxy may add a line of its own below the one that the client made up."""
    told = client("127.0.0.1", ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.9"))

    assert told.address == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded_for", "proto", "scheme"),
    [
        ("203.0.113.9", "https", "https"),
        ("203.0.113.9", "HTTPS", "https"),
        ("203.0.113.9", "wss", "https"),
        ("203.0.113.9", "http", "http"),
        ("203.0.113.9", "gopher", "http"),
        ("203.0.113.9", "", "http"),
        # One for all.
        ("203.0.113.9, 10.1.2.3", "https", "https"),
        # One for each: that of the hop from the client to the outermost proxy.
        ("203.0.113.9, 10.1.2.3", "https, http", "https"),
        ("1.1.1.1, 203.0.113.9, 10.1.2.3", "http, https, http", "https"),
        # Not in step: only the nearest proxy is believed.
        ("203.0.113.9, 10.1.2.3", "http, http, https", "https"),
    ],
)
def test_the_scheme_is_how_the_client_came(forwarded_for: str, proto: str, scheme: str) -> None:
    """So that a cookie is secure behind a proxy that ends TLS."""
    told = client("127.0.0.1", ("X-Forwarded-For", forwarded_for), ("X-Forwarded-Proto", proto))

    assert told.scheme == scheme


def test_the_scheme_may_be_told_alone() -> None:
    """A proxy need not say who its client is."""
    assert client("127.0.0.1", ("X-Forwarded-Proto", "https")) == ("127.0.0.1", "https", None)


@pytest.mark.parametrize(
    ("header", "address", "scheme"),
    [
        ("for=203.0.113.9", "203.0.113.9", "http"),
        ("For=203.0.113.9;Proto=HTTPS;by=10.1.2.3", "203.0.113.9", "https"),
        ('for="203.0.113.9:4711"; proto="https"', "203.0.113.9", "https"),
        ('for="[2001:db8::7]:4711"', "2001:db8::7", "http"),
        ('for="[2001:db8::7]"', "2001:db8::7", "http"),
        ('for="203.0.113.\\9"', "203.0.113.9", "http"),
        (
            "for=1.1.1.1, for=203.0.113.9;proto=https, for=10.1.2.3;proto=http",
            "203.0.113.9",
            "https",
        ),
        ("proto=https", "127.0.0.1", "https"),
        ("for=unknown;proto=https", "127.0.0.1", "https"),
        ("for=_hidden, for=10.1.2.3", "10.1.2.3", "http"),
        # Malformed, from the right.
        ("for", "127.0.0.1", "http"),
        ("for=203.0.113.9;", "127.0.0.1", "http"),
        ("for=203.0.113.9 x", "127.0.0.1", "http"),
        ("for=203.0.113.9;for=1.1.1.1", "127.0.0.1", "http"),
        ('for="203.0.113.9', "127.0.0.1", "http"),
        ("", "127.0.0.1", "http"),
        # Malformed by the client, further left.
        ('for=", for=203.0.113.9;proto=https', "203.0.113.9", "https"),
        ('for="1.1.1.1, for=10.0.0.1;x=", for=203.0.113.9', "203.0.113.9", "http"),
    ],
)
def test_the_standard_header_is_understood(header: str, address: str, scheme: str) -> None:
    """`Forwarded` of RFC 7239, with quotes, ports and IPv6."""
    assert client("127.0.0.1", ("Forwarded", header)) == (address, scheme, None)


def test_the_standard_header_wins() -> None:
    """Where a proxy sends both, only one is read."""
    told = client(
        "127.0.0.1",
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=203.0.113.9"),
    )

    assert told == ("203.0.113.9", "http", None)


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_can_be_trusted(peer: str | None) -> None:
    """It has no address, so it has a word of its own."""
    headers = CIMultiDict({"X-Forwarded-For": "203.0.113.9"})

    assert TRUSTED.client(peer, "http", headers).address == "203.0.113.9"
    assert TRUSTED.client(peer, "http", CIMultiDict()).address is None
    assert TrustedProxies(["127.0.0.1"]).client(peer, "http", headers).address is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "10.200.3.4", "fd00::1%eth0"])
def test_a_peer_is_known_in_each_spelling(peer: str) -> None:
    """A socket for both families writes IPv4 in its own way."""
    assert TRUSTED.trusts(peer)


@pytest.mark.parametrize("peer", ["127.0.0.2", "11.0.0.1", "::1", "localhost", "unix"])
def test_everyone_else_is_a_stranger(peer: str) -> None:
    """Also who looks similar."""
    assert not TRUSTED.trusts(peer)


@pytest.mark.parametrize("request_id", ["a", "0190-7abc/x=1", "!~", "x" * 200])
def test_a_request_id_is_taken_from_a_trusted_proxy(request_id: str) -> None:
    """So that one id goes through all logs."""
    assert client("127.0.0.1", ("X-Request-Id", request_id)).request_id == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 201, "a b", "é", "a\n", "\x7f", "a\tb"])
def test_a_request_id_that_could_spoil_a_log_is_not_taken(request_id: str) -> None:
    """A new one is made instead."""
    assert client("127.0.0.1", ("X-Request-Id", request_id)).request_id is None


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/40", "*", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    """A typing error must not open the door, nor close it in silence."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        TrustedProxies([text])

    message = str(raised.value)
    assert message.startswith(f"the trusted proxy {text!r} is not an address or a network: ")
    assert message.endswith("; write '127.0.0.1', '10.0.0.0/8', or 'unix'")


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_no_header_breaks_the_reading(a: str, b: str, c: str, d: str) -> None:
    """Whatever a client sends through a proxy."""
    headers = [("Forwarded", a), ("X-Forwarded-For", b), ("X-Forwarded-Proto", c)]

    for sent in (headers, headers[1:]):
        told = client("10.0.0.1", *sent, ("X-Request-Id", d))
        assert told.scheme in {"http", "https"}
        assert told.address


@settings(deadline=None)
@given(st.text(), st.sampled_from(["Forwarded", "X-Forwarded-For"]))
def test_nothing_that_a_client_writes_hides_it(written: str, name: str) -> None:
    """The proxy adds who connected, after whatever was there."""
    own = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"

    assert client("10.0.0.1", (name, f"{written}, {own}")).address == "203.0.113.9"
    assert client("10.0.0.1", (name, written), (name, own)).address == "203.0.113.9"
