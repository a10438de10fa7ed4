"""Which pages of other origins may read our answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web.cors import Cors

PAGE = "https://app.example.com"
STRANGER = "https://evil.example"

REFLECTED = (
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
    return Cors(origins, ("GET", "PUT"), ("Content-Type",), 600, profile="actionhero")


@pytest.mark.parametrize("origin", [None, PAGE, "null"])
def test_no_origin_is_allowed_unless_it_is_listed(origin: str | None) -> None:
    """Without the setting there is no CORS header at all."""
    assert cors().for_response(origin) == ()
    assert cors().for_preflight(origin, "PUT", "Content-Type") == ()


def test_a_listed_origin_is_named_and_may_use_cookies() -> None:
    """And caches are told that others get something else."""
    assert cors(PAGE).for_response(PAGE) == REFLECTED


@pytest.mark.parametrize("origin", [None, STRANGER, PAGE + ".evil.example", PAGE + ":444", "null"])
def test_an_origin_that_is_not_listed_gets_no_cors_header(origin: str | None) -> None:
    """Only caches learn that the answer depends on who asks."""
    assert cors(PAGE).for_response(origin) == (("Vary", "Origin"),)
    assert cors(PAGE).for_preflight(origin, "PUT", None) == (("Vary", "Origin"),)


@pytest.mark.parametrize("origin", [None, PAGE, "null"])
def test_the_star_is_answered_with_a_star_and_without_credentials(origin: str | None) -> None:
    """Every page may read what a visitor without cookies would see."""
    assert cors("*").for_response(origin) == (("Access-Control-Allow-Origin", "*"),)


def test_a_listed_origin_beside_the_star_may_use_cookies() -> None:
    """The others get the star."""
    both = cors("*", PAGE)

    assert both.for_response(PAGE) == REFLECTED
    assert both.for_response(STRANGER) == (
        ("Access-Control-Allow-Origin", "*"),
        ("Vary", "Origin"),
    )


def test_a_preflight_is_told_what_is_allowed() -> None:
    """Methods, headers, and for how long the browser need not ask again."""
    assert cors(PAGE).for_preflight(PAGE, "PUT", "content-type") == (
        METHODS,
        HEADERS,
        *REFLECTED,
        MAX_AGE,
    )
    assert cors("*").for_preflight(PAGE, "PUT", None) == (
        METHODS,
        HEADERS,
        ("Access-Control-Allow-Origin", "*"),
        MAX_AGE,
    )


def test_an_options_request_that_is_no_preflight_is_answered_like_any_other() -> None:
    """A preflight names the method that is to follow."""
    assert cors(PAGE).for_preflight(PAGE, None, None) == REFLECTED


def test_all_headers_may_be_allowed() -> None:
    """With cookies a browser does not understand the star, so the names are repeated."""
    every = cors(PAGE, headers=("*",))

    assert every.for_preflight(PAGE, "PUT", "x-one, X-Two") == (
        METHODS,
        ("Access-Control-Allow-Headers", "x-one, X-Two"),
        *REFLECTED,
        ("Vary", "Access-Control-Request-Headers"),
        MAX_AGE,
    )
    told = dict(every.for_preflight(PAGE, "PUT", "x-one\r\nSet-Cookie: a=b"))
    assert told["Access-Control-Allow-Headers"] == "*"


def test_profile_actionhero_tells_methods_and_headers_on_every_answer() -> None:
    """As earlier servers do, whoever asks; the origin is told by today's rules."""
    assert actionhero_cors().for_response(None) == (METHODS, HEADERS)
    assert actionhero_cors(PAGE).for_response(STRANGER) == (METHODS, HEADERS)
    assert actionhero_cors(PAGE).for_response(PAGE) == (METHODS, HEADERS, *REFLECTED)
    assert actionhero_cors(PAGE).for_preflight(PAGE, "PUT", None) == (METHODS, HEADERS, *REFLECTED)
    assert actionhero_cors(PAGE).for_preflight(STRANGER, "PUT", None) == (METHODS, HEADERS)
    assert actionhero_cors("*").for_response(PAGE) == (
        METHODS,
        HEADERS,
        ("Access-Control-Allow-Origin", "*"),
    )


@pytest.mark.parametrize(
    "written",
    [" https://App.example.com ", "https://app.example.com/", "https://app.example.com:443"],
)
def test_an_origin_is_read_as_browsers_write_it(written: str) -> None:
    """Settings are written by people."""
    assert cors(written).for_response(PAGE) == REFLECTED


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
def test_what_is_no_origin_is_refused(text: str) -> None:
    """It would never match, and nobody would know why."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        cors(text)

    assert str(raised.value) == (
        f"the origin {text!r} is not a scheme and a host, perhaps with a port; "
        "write 'https://app.example.com', or '*' for all"
    )


def test_the_origin_null_is_refused() -> None:
    """Anybody can have it."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        cors("null")

    assert str(raised.value) == (
        "the origin 'null' cannot be allowed: every sandboxed page and local file has it; remove it"
    )


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), None, True),
        ((), "http://localhost:8080", True),
        ((), "http://LOCALHOST:8080", True),
        ((), "https://localhost:8080", False),
        ((), "http://localhost:8081", False),
        ((), STRANGER, False),
        ((), "null", False),
        ((), "", False),
        ((PAGE,), PAGE, True),
        ((PAGE,), STRANGER, False),
        (("*",), STRANGER, True),
    ],
)
def test_a_websocket_is_opened_by_our_own_pages_and_by_listed_ones(
    origins: tuple[str, ...], origin: str | None, allowed: bool
) -> None:
    """A browser sends cookies along, so a stranger's page must not open one."""
    assert cors(*origins).origin_allowed(origin, "http://localhost:8080") is allowed


def test_the_usual_port_need_not_be_written() -> None:
    """Browsers leave it out; a `Host` header may have it."""
    assert cors().origin_allowed("https://example.com", "https://example.com:443")
    assert not cors().origin_allowed("http://example.com", "http://example.com:443")


@settings(deadline=None)
@given(st.text())
def test_no_origin_that_is_not_listed_slips_through(origin: str) -> None:
    """The comparison is of the whole text."""
    headers = dict(cors(PAGE).for_preflight(origin, "PUT", "x"))

    assert ("Access-Control-Allow-Origin" in headers) == (origin == PAGE)
