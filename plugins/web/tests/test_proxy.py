"""The client of a request behind reverse proxies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from actionhero_web.connections.proxy import ForwardedClient, TrustedProxies

TRUSTED = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8", "unix"])


def client(peer: str | None, *headers: tuple[str, str]) -> ForwardedClient:
    return TRUSTED.client(peer, "http", CIMultiDict(headers))


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    """Its forwarding headers are ignored."""
    headers = CIMultiDict({"X-Forwarded-For": "1.1.1.1", "X-Request-Id": "mine"})
    no_proxies = TrustedProxies()

    assert not no_proxies.configured
    assert no_proxies.client("127.0.0.1", "http", headers) == ("127.0.0.1", "http", None, None)
    assert no_proxies.client("", "http", headers) == (None, "http", None, None)


def test_headers_of_an_untrusted_peer_are_ignored() -> None:
    """They could contain any address."""
    forwarded = client(
        "203.0.113.9",
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=1.1.1.1;proto=https"),
        ("X-Request-Id", "mine"),
    )

    assert forwarded == ("203.0.113.9", "http", None, None)


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
        # The evaluation stops at an invalid entry.
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
def test_the_client_is_the_last_untrusted_entry(header: str, address: str) -> None:
    """Entries further left come from the client itself."""
    assert client("127.0.0.1", ("X-Forwarded-For", header)).address == address


def test_a_header_may_be_repeated() -> None:
    """A proxy may add its own line after a forged one."""
    forwarded = client(
        "127.0.0.1", ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.9")
    )

    assert forwarded.address == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded_for", "proto", "scheme"),
    [
        ("203.0.113.9", "https", "https"),
        ("203.0.113.9", "HTTPS", "https"),
        ("203.0.113.9", "wss", "https"),
        ("203.0.113.9", "http", "http"),
        ("203.0.113.9", "gopher", "http"),
        ("203.0.113.9", "", "http"),
        # One for all hops.
        ("203.0.113.9, 10.1.2.3", "https", "https"),
        # One for each hop: the one between the client and the outermost proxy.
        ("203.0.113.9, 10.1.2.3", "https, http", "https"),
        ("1.1.1.1, 203.0.113.9, 10.1.2.3", "http, https, http", "https"),
        # Different lengths: only the entry of the nearest proxy counts.
        ("203.0.113.9, 10.1.2.3", "http, http, https", "https"),
    ],
)
def test_the_scheme_is_that_of_the_client(forwarded_for: str, proto: str, scheme: str) -> None:
    """So that cookies are secure behind a proxy that terminates TLS."""
    forwarded = client(
        "127.0.0.1", ("X-Forwarded-For", forwarded_for), ("X-Forwarded-Proto", proto)
    )

    assert forwarded.scheme == scheme


def test_the_scheme_may_be_forwarded_without_an_address() -> None:
    """The headers are independent."""
    assert client("127.0.0.1", ("X-Forwarded-Proto", "https")) == ("127.0.0.1", "https", None, None)


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
def test_the_standard_header_is_supported(header: str, address: str, scheme: str) -> None:
    """`Forwarded` of RFC 7239, with quotes, ports and IPv6."""
    assert client("127.0.0.1", ("Forwarded", header)) == (address, scheme, None, None)


@pytest.mark.parametrize(("headers", "host"), [
    ([("X-Forwarded-Host", "app.example.com")], "app.example.com"),
    ([("X-Forwarded-Host", "app.example.com:8443")], "app.example.com:8443"),
    ([("X-Forwarded-Host", "first, last")], "last"),
    (
        [("X-Forwarded-For", "203.0.113.9, 10.1.2.3"), ("X-Forwarded-Host", "outer, inner")],
        "outer",
    ),
    (
        [("X-Forwarded-For", "1.1.1.1, 203.0.113.9"), ("X-Forwarded-Host", "spoofed, real")],
        "real",
    ),
    ([("X-Forwarded-Host", "")], None),
    ([("Forwarded", 'for=203.0.113.9;host="app.example.com:8443"')], "app.example.com:8443"),
    ([("Forwarded", "for=1.1.1.1;host=spoofed, for=203.0.113.9;host=real")], "real"),
    ([("Forwarded", "for=203.0.113.9;host=outer, for=10.1.2.3;host=inner")], "outer"),
    ([("Forwarded", "for=203.0.113.9"), ("X-Forwarded-Host", "ignored")], None),
])  # fmt: skip
def test_the_host_is_that_of_the_outermost_trusted_proxy(
    headers: list[tuple[str, str]], host: str | None
) -> None:
    """Hosts that clients have forged are not evaluated."""
    assert client("127.0.0.1", *headers).host == host
    assert client("203.0.113.9", *headers).host is None


def test_the_standard_header_takes_precedence() -> None:
    """If a proxy sends both, the other one is ignored."""
    forwarded = client(
        "127.0.0.1",
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=203.0.113.9"),
    )

    assert forwarded == ("203.0.113.9", "http", None, None)


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_can_be_trusted(peer: str | None) -> None:
    """It has no address, so it is configured as `unix`."""
    headers = CIMultiDict({"X-Forwarded-For": "203.0.113.9"})

    assert TRUSTED.client(peer, "http", headers).address == "203.0.113.9"
    assert TRUSTED.client(peer, "http", CIMultiDict()).address is None
    assert TrustedProxies(["127.0.0.1"]).client(peer, "http", headers).address is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "10.200.3.4", "fd00::1%eth0"])
def test_a_peer_is_trusted_in_each_notation(peer: str) -> None:
    """A dual-stack socket reports IPv4 addresses as IPv6."""
    assert TRUSTED.trusts(peer)


@pytest.mark.parametrize("peer", ["127.0.0.2", "11.0.0.1", "::1", "localhost", "unix"])
def test_other_peers_are_not_trusted(peer: str) -> None:
    """Even if they look similar."""
    assert not TRUSTED.trusts(peer)


@pytest.mark.parametrize("request_id", ["a", "0190-7abc/x=1", "!~", "x" * 200])
def test_the_request_id_of_a_trusted_proxy_is_used(request_id: str) -> None:
    """All logs then contain the same id."""
    assert client("127.0.0.1", ("X-Request-Id", request_id)).request_id == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 201, "a b", "é", "a\n", "\x7f", "a\tb"])
def test_an_invalid_request_id_is_ignored(request_id: str) -> None:
    """A new one is created instead."""
    assert client("127.0.0.1", ("X-Request-Id", request_id)).request_id is None


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/40", "*", ""])
def test_an_invalid_trusted_proxy_is_an_error(text: str) -> None:
    """A typing error is reported at start-up."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        TrustedProxies([text])

    message = str(raised.value)
    assert message.startswith(f"the trusted proxy {text!r} is not an address or a network: ")
    assert message.endswith("; write '127.0.0.1', '10.0.0.0/8', or 'unix'")


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_arbitrary_headers_are_handled(a: str, b: str, c: str, d: str) -> None:
    """The result always has a scheme and an address."""
    headers = [("Forwarded", a), ("X-Forwarded-For", b), ("X-Forwarded-Proto", c)]

    for sent in (headers, headers[1:]):
        forwarded = client("10.0.0.1", *sent, ("X-Request-Id", d))
        assert forwarded.scheme in {"http", "https"}
        assert forwarded.address


@settings(deadline=None)
@given(st.text(), st.sampled_from(["Forwarded", "X-Forwarded-For"]))
def test_a_client_cannot_hide_its_address(forged: str, name: str) -> None:
    """The proxy appends the address of the client to any forged value."""
    own = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"

    assert client("10.0.0.1", (name, f"{forged}, {own}")).address == "203.0.113.9"
    assert client("10.0.0.1", (name, forged), (name, own)).address == "203.0.113.9"
