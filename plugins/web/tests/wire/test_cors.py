"""Which pages of other origins may read our answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Answer, Door, Serve

LISTED = "https://app.example.com"
OTHER = "https://evil.example.com"
PREFIX = "Access-Control-"


def cors(answer: Answer) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in answer.headers
        if name.startswith(PREFIX)
    }


def ask(door: Door, origin: str | None, target: str = "/api/user/me") -> Answer:
    return door.send("GET", target, None, {} if origin is None else {"Origin": origin})


def preflight(door: Door, origin: str | None = LISTED, method: str = "PUT", **more: str) -> Answer:
    headers = {"Access-Control-Request-Method": method, **more}
    if origin is not None:
        headers["Origin"] = origin
    return door.send("OPTIONS", "/api/user", None, headers)


@pytest.fixture
def listing(serve: Serve) -> Door:
    return serve(web__allowed_origins=f" {LISTED} , http://localhost:3000")


@pytest.fixture
def any_origin(serve: Serve) -> Door:
    return serve(web__allowed_origins="*")


@pytest.mark.parametrize("origin", [None, LISTED, "null"])
def test_by_default_no_origin_is_allowed(standard: Door, origin: str | None) -> None:
    """No header at all; the request is answered all the same."""
    answer = ask(standard, origin)

    assert answer.status == 200
    assert cors(answer) == {}
    assert answer.header("Vary") is None
    assert cors(preflight(standard, origin)) == {}


def test_a_star_is_the_literal_star_without_credentials(any_origin: Door) -> None:
    """With and without an `Origin`: what is in the answer is for everybody."""
    for origin in (None, OTHER, "null"):
        answer = ask(any_origin, origin)

        assert cors(answer) == {"Allow-Origin": "*"}
        assert answer.header("Vary") is None


def test_a_listed_origin_is_reflected_with_vary_and_credentials(listing: Door) -> None:
    """Each of the list, on successes and on failures."""
    for origin in (LISTED, "http://localhost:3000"):
        for target in ("/api/user/me", "/api/nowhere", "/api/crash", "/api/give/large", "/nowhere"):
            answer = ask(listing, origin, target)

            assert cors(answer) == {"Allow-Origin": origin, "Allow-Credentials": "true"}
            assert "Origin" in answer.all("Vary")


@pytest.mark.parametrize(
    "origin",
    [OTHER, "https://app.example.com.evil.com", "http://app.example.com", "null", "*",
     "https://app.example.com:444", "https://APP.example.com", f"{LISTED}/", ""],
)  # fmt: skip
def test_an_origin_that_is_not_listed_gets_no_headers_and_its_answer(
    listing: Door, origin: str
) -> None:
    """Compared as exact text; the browser keeps the answer from the page."""
    answer = ask(listing, origin)

    assert answer.status == 200
    assert cors(answer) == {}
    # A cache must not hand this answer to a listed origin.
    assert answer.header("Vary") == "Origin"


def test_a_request_without_an_origin_gets_none_of_them(listing: Door) -> None:
    """It does not come from a page of another origin."""
    assert cors(ask(listing, None)) == {}


def test_a_preflight_of_a_listed_origin_is_told_what_is_allowed(listing: Door) -> None:
    """204, and how long that holds."""
    answer = preflight(listing)

    assert (answer.status, answer.body) == (204, b"")
    assert cors(answer) == {
        "Allow-Origin": LISTED,
        "Allow-Credentials": "true",
        "Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "Allow-Headers": "Content-Type",
        "Max-Age": "7200",
    }
    assert answer.header("Vary") == "Origin"


def test_a_preflight_with_a_star_is_allowed_to_everybody_without_credentials(
    any_origin: Door,
) -> None:
    """The literal star here too."""
    answer = preflight(any_origin, OTHER)

    assert answer.status == 204
    assert cors(answer)["Allow-Origin"] == "*"
    assert cors(answer)["Max-Age"] == "7200"
    assert "Allow-Credentials" not in cors(answer)


def test_a_preflight_of_an_origin_that_is_not_listed_gets_no_cors_headers(listing: Door) -> None:
    """The browser then keeps the request to itself."""
    answer = preflight(listing, OTHER)

    assert answer.status == 204
    assert cors(answer) == {}


def test_methods_headers_and_age_can_be_set(serve: Serve) -> None:
    """By their settings."""
    door = serve(
        web__allowed_origins=LISTED, web__allowed_methods="GET,PUT",
        web__allowed_headers="X-One,X-Two", web__preflight_max_age="60",
    )  # fmt: skip

    answer = cors(preflight(door))

    assert answer["Allow-Methods"] == "GET, PUT"
    assert answer["Allow-Headers"] == "X-One, X-Two"
    assert answer["Max-Age"] == "60"


def test_profile_actionhero_tells_methods_and_headers_on_every_answer(original: Door) -> None:
    """As the original does, whatever the origin; nothing more where none is allowed."""
    for target in ("/api/user/me", "/api/nowhere", "/api/crash", "/api/give/large"):
        assert cors(ask(original, OTHER, target)) == {
            "Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "Allow-Headers": "Content-Type",
        }


def test_options_in_profile_actionhero_has_the_headers_of_the_decision(serve: Serve) -> None:
    """200 and the same headers as any answer."""
    door = serve(web__allowed_origins=LISTED, web__error_format="actionhero")

    listed, other = preflight(door), preflight(door, OTHER)

    assert (listed.status, listed.body) == (200, b"{}\r\n")
    assert cors(listed)["Allow-Origin"] == LISTED
    assert cors(listed)["Allow-Credentials"] == "true"
    assert "Max-Age" not in cors(listed)
    assert "Allow-Origin" not in cors(other)
    assert "Allow-Methods" in cors(other)


def test_raw_answers_have_cors_headers_too(listing: Door) -> None:
    """A file that an action returned is for the same pages as its JSON."""
    for target in ("/api/raw/text", "/api/raw/file", "/api/raw/redirect"):
        answer = ask(listing, LISTED, target)

        assert cors(answer) == {"Allow-Origin": LISTED, "Allow-Credentials": "true"}
        assert "Origin" in answer.all("Vary")


def test_pages_and_probes_have_no_cors_headers(any_origin: Door) -> None:
    """They are not what the setting is about."""
    for target in ("/page", "/livez"):
        assert cors(ask(any_origin, OTHER, target)) == {}
