"""Cross-origin resource sharing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web.responses.cors import Cors

PAGE = "https://app.example.com"
UNLISTED = "https://evil.example"

LISTED_HEADERS = (
    ("Access-Control-Allow-Origin", PAGE),
    ("Vary", "Origin"),
    ("Access-Control-Allow-Credentials", "true"),
)
METHODS = ("Access-Control-Allow-Methods", "GET, PUT")
HEADERS = ("Access-Control-Allow-Headers", "Content-Type")
MAX_AGE = ("Access-Control-Max-Age", "600")


def cors(*origins: str, headers: tuple[str, ...] = ("Content-Type",)) -> Cors:
    return Cors(origins, ("GET", "PUT"), headers, 600)


def actionhero_cors(*origins: str) -> Cors:
    return Cors(origins, ("GET", "PUT"), ("Content-Type",), 600, always_lists_methods=True)


@pytest.mark.parametrize("origin", [None, PAGE, "null"])
def test_no_origin_is_allowed_unless_it_is_listed(origin: str | None) -> None:
    """By default there are no CORS headers."""
    assert cors().for_response(origin) == ()
    assert cors().for_preflight(origin, "PUT", "Content-Type") == ()


def test_a_listed_origin_is_allowed_with_credentials() -> None:
    """The response varies by origin for caches."""
    assert cors(PAGE).for_response(PAGE) == LISTED_HEADERS


@pytest.mark.parametrize("origin", [None, UNLISTED, PAGE + ".evil.example", PAGE + ":444", "null"])
def test_an_unlisted_origin_gets_no_cors_headers(origin: str | None) -> None:
    """The response still varies by origin for caches."""
    assert cors(PAGE).for_response(origin) == (("Vary", "Origin"),)
    assert cors(PAGE).for_preflight(origin, "PUT", None) == (("Vary", "Origin"),)


@pytest.mark.parametrize("origin", [None, PAGE, "null"])
def test_the_wildcard_allows_all_origins_without_credentials(origin: str | None) -> None:
    """Every page may read responses without credentials."""
    assert cors("*").for_response(origin) == (("Access-Control-Allow-Origin", "*"),)


def test_a_listed_origin_in_addition_to_the_wildcard_has_credentials() -> None:
    """Other origins get the wildcard."""
    both = cors("*", PAGE)

    assert both.for_response(PAGE) == LISTED_HEADERS
    assert both.for_response(UNLISTED) == (
        ("Access-Control-Allow-Origin", "*"),
        ("Vary", "Origin"),
    )


def test_a_preflight_gets_methods_headers_and_max_age() -> None:
    """The browser may cache the response for the maximum age."""
    assert cors(PAGE).for_preflight(PAGE, "PUT", "content-type") == (
        METHODS,
        HEADERS,
        *LISTED_HEADERS,
        MAX_AGE,
    )
    assert cors("*").for_preflight(PAGE, "PUT", None) == (
        METHODS,
        HEADERS,
        ("Access-Control-Allow-Origin", "*"),
        MAX_AGE,
    )


def test_an_options_request_without_a_method_is_not_a_preflight() -> None:
    """A preflight has `Access-Control-Request-Method`."""
    assert cors(PAGE).for_preflight(PAGE, None, None) == LISTED_HEADERS


def test_all_headers_may_be_allowed() -> None:
    """With credentials the wildcard has no effect, so the requested names are returned."""
    every = cors(PAGE, headers=("*",))

    assert every.for_preflight(PAGE, "PUT", "x-one, X-Two") == (
        METHODS,
        ("Access-Control-Allow-Headers", "x-one, X-Two"),
        *LISTED_HEADERS,
        ("Vary", "Access-Control-Request-Headers"),
        MAX_AGE,
    )
    invalid = dict(every.for_preflight(PAGE, "PUT", "x-one\r\nSet-Cookie: a=b"))
    assert invalid["Access-Control-Allow-Headers"] == "*"


def test_the_format_actionhero_has_methods_and_headers_in_every_response() -> None:
    """The original ActionHero does so for every client; origins follow the usual rules."""
    assert actionhero_cors().for_response(None) == (METHODS, HEADERS)
    assert actionhero_cors(PAGE).for_response(UNLISTED) == (METHODS, HEADERS)
    assert actionhero_cors(PAGE).for_response(PAGE) == (METHODS, HEADERS, *LISTED_HEADERS)
    assert actionhero_cors(PAGE).for_preflight(PAGE, "PUT", None) == (
        METHODS,
        HEADERS,
        *LISTED_HEADERS,
    )
    assert actionhero_cors(PAGE).for_preflight(UNLISTED, "PUT", None) == (METHODS, HEADERS)
    assert actionhero_cors("*").for_response(PAGE) == (
        METHODS,
        HEADERS,
        ("Access-Control-Allow-Origin", "*"),
    )


@pytest.mark.parametrize(
    "written",
    [" https://App.example.com ", "https://app.example.com/", "https://app.example.com:443"],
)
def test_configured_origins_are_normalized(written: str) -> None:
    """They are compared in the form that browsers send."""
    assert cors(written).for_response(PAGE) == LISTED_HEADERS


@pytest.mark.parametrize(
    "text",
    [
        "app.example.com",
        "https://",
        "https://app.example.com/chat",
        "https://*.example.com",
        "https://me@app.example.com",
        "https://[",
        "https://app.example.com?x",
        "https://bücher.example",
        "",
    ],
)
def test_an_invalid_origin_is_an_error(text: str) -> None:
    """Otherwise it would silently never match."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        cors(text)

    assert str(raised.value) == (
        f"the origin {text!r} is not a scheme and a host, optionally with a port; "
        "write 'https://app.example.com', or '*' for all"
    )


def test_the_origin_null_is_an_error() -> None:
    """Every sandboxed page has it."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        cors("null")

    assert str(raised.value) == (
        "the origin 'null' cannot be allowed, as every sandboxed page and local file has it; "
        "remove it"
    )


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), None, True),
        ((), "http://localhost:8080", True),
        ((), "http://LOCALHOST:8080", True),
        ((), "https://localhost:8080", False),
        ((), "http://localhost:8081", False),
        ((), UNLISTED, False),
        ((), "null", False),
        ((), "", False),
        ((PAGE,), PAGE, True),
        ((PAGE,), UNLISTED, False),
        (("*",), UNLISTED, True),
    ],
)
def test_pages_of_the_own_origin_and_listed_origins_may_open_a_websocket(
    origins: tuple[str, ...], origin: str | None, allowed: bool
) -> None:
    """Browsers send cookies, so pages of other origins must not open one."""
    assert cors(*origins).origin_allowed(origin, "http://localhost:8080") is allowed


def test_any_origin_may_open_a_websocket_without_a_session() -> None:
    """The browser sends the cookie with a page of a sibling host, for any `SameSite`."""
    own = "http://localhost:8080"

    assert not cors("*").origin_allowed(UNLISTED, own, has_session=True)
    assert cors("*").origin_allowed(own, own, has_session=True)
    assert cors("*").origin_allowed(None, own, has_session=True)
    assert cors("*", PAGE).origin_allowed(PAGE, own, has_session=True)


def test_the_default_port_is_optional() -> None:
    """Browsers omit it in `Origin`; a `Host` header may contain it."""
    assert cors().origin_allowed("https://example.com", "https://example.com:443")
    assert not cors().origin_allowed("http://example.com", "http://example.com:443")


@settings(deadline=None)
@given(st.text())
def test_no_unlisted_origin_is_allowed(origin: str) -> None:
    """Origins are compared as a whole."""
    headers = dict(cors(PAGE).for_preflight(origin, "PUT", "x"))

    assert ("Access-Control-Allow-Origin" in headers) == (origin == PAGE)
