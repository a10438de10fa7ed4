"""Users: they sign up, change what others know of them, and look at one another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = {"id", "name", "email", "createdAt", "updatedAt"}
REQUIRED = "This field is required and must be at least 3 characters long"
LONG_EMAIL = "a" * (320 - len("@example.com")) + "@example.com"


def test_who_signs_up_is_told_who_they_are(browser: httpx.Client, email: str) -> None:
    """Everything that was said comes back, but the password."""
    answer = browser.put(
        "/user", json={"name": "Ada Ж 名前 🎉", "email": email, "password": "correct horse"}
    )

    assert answer.status_code == 200
    assert set(answer.json()) == {"user"}
    user = answer.json()["user"]
    assert set(user) == OWN
    assert (user["name"], user["email"]) == ("Ada Ж 名前 🎉", email)
    assert all(type(user[key]) is int for key in ("id", "createdAt", "updatedAt"))
    assert user["createdAt"] == user["updatedAt"] > 1_700_000_000_000
    assert "set-cookie" not in answer.headers or "__session" in answer.headers["set-cookie"]


def test_an_address_is_kept_in_lower_case(sign_up: Callable[..., Any], email: str) -> None:
    """However it is typed, it is the same address."""
    assert sign_up(email=email.upper())["email"] == email


@pytest.mark.parametrize("typed", [str, str.upper, str.title])
def test_an_address_signs_up_once(
    browser: httpx.Client,
    refused: Callable[..., Any],
    user: dict[str, Any],
    typed: Callable[[str], str],
) -> None:
    """In whatever case it is typed."""
    told = {"name": "Another", "email": typed(user["email"]), "password": "correct horse"}

    answer = browser.put("/user", json=told)

    refused(answer, "conflict", "User already exists")


def test_two_may_have_one_name(sign_up: Callable[..., Any]) -> None:
    """A name is not what anybody signs in with."""
    assert sign_up(name="Twin")["id"] != sign_up(name="Twin")["id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "abc"},
        {"name": "a" * 256},
        {"name": "Ж" * 256},
        {"name": "   "},
        {"password": "12345678"},
        {"password": "p" * 256},
        {"password": "🎉" * 8},
        {"email": "sqlite-and-postgres@lenient."},
        {"surprise": [1, {"a": None}]},
    ],
    ids=str,
)
def test_what_fits_its_limits_is_taken(
    browser: httpx.Client, email: str, fields: dict[str, Any]
) -> None:
    """The limits themselves are within; what is not known is left aside."""
    told = {"name": "Ada", "email": email, "password": "correct horse", **fields}
    told["email"] = f"{email[:8]}{told['email']}"

    answer = browser.put("/user", json=told)

    assert answer.status_code == 200, answer.text
    assert set(answer.json()["user"]) == OWN
    assert answer.json()["user"]["name"] == told["name"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", REQUIRED),
        ("name", "ab", REQUIRED),
        ("name", "🎉🎉", REQUIRED),
        ("name", "a" * 257, "Name must be less than 256 characters"),
        ("name", None, "Invalid input: expected string, received null"),
        ("name", 7, "Invalid input: expected string, received number"),
        ("name", 1.5, "Invalid input: expected string, received number"),
        ("name", True, "Invalid input: expected string, received boolean"),
        ("name", ["abc"], "Invalid input: expected string, received array"),
        ("name", {"a": "b"}, "Invalid input: expected string, received object"),
        ("email", "", REQUIRED),
        ("email", "@.", REQUIRED),
        ("email", "nobody", "This is not a valid email"),
        ("email", "nobody@home", "This is not a valid email"),
        ("email", "nobody.home", "This is not a valid email"),
        ("email", "a" + LONG_EMAIL, "Email must be less than 320 characters"),
        ("email", None, "Invalid input: expected string, received null"),
        ("email", 7, "Invalid input: expected string, received number"),
        ("email", False, "Invalid input: expected string, received boolean"),
        ("email", [], "Invalid input: expected string, received array"),
        ("email", {}, "Invalid input: expected string, received object"),
    ],
)
def test_a_name_and_an_address_that_do_not_fit_are_refused(
    browser: httpx.Client,
    refused: Callable[..., Any],
    email: str,
    field: str,
    value: object,
    message: str,
) -> None:
    """It says which field, what was sent and what is wrong."""
    told = {"name": "Ada", "email": email, "password": "correct horse", field: value}

    answer = browser.put("/user", json=told)

    error = refused(answer, "invalid", message, key=field, value=value)
    assert [(one["pointer"], one["message"]) for one in error["errors"]] == [(f"/{field}", message)]
    assert set(error["errors"][0]) == {"pointer", "message", "type"}


@pytest.mark.parametrize("path", ["/user", "/session"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Password must be at least 8 characters"),
        ("1234567", "Password must be at least 8 characters"),
        ("p" * 257, "Password must be less than 256 characters"),
        (None, "Invalid input: expected string, received null"),
        (12345678, "Invalid input: expected string, received number"),
        (["correct horse"], "Invalid input: expected string, received array"),
        ({"a": {"b": "correct horse"}}, "Invalid input: expected string, received object"),
    ],
    ids=str,
)
def test_a_password_that_does_not_fit_is_refused_and_not_told(
    browser: httpx.Client,
    refused: Callable[..., Any],
    email: str,
    path: str,
    value: object,
    message: str,
) -> None:
    """There is no `value` in the answer: what was sent may be somebody's password all the same."""
    answer = browser.put(path, json={"name": "Ada", "email": email, "password": value})

    refused(answer, "invalid", message, key="password")


def test_all_that_is_wrong_is_told_at_once(
    browser: httpx.Client, refused: Callable[..., Any]
) -> None:
    """The first of the fields is the one in `message`, in whatever order they were sent."""
    answer = browser.put("/user", json={"password": "short", "email": "nobody"})

    error = refused(answer, "invalid", "Missing required param: name", key="name")
    assert [(one["pointer"], one["message"]) for one in error["errors"]] == [
        ("/name", "Missing required param: name"),
        ("/email", "This is not a valid email"),
        ("/password", "Password must be at least 8 characters"),
    ]


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_who_says_nothing_is_told_what_is_missing(
    browser: httpx.Client, refused: Callable[..., Any], content: bytes
) -> None:
    """An empty body is an empty object."""
    headers = {"Content-Type": "application/json"}

    answer = browser.put("/user", content=content, headers=headers)

    error = refused(answer, "invalid", "Missing required param: name", key="name")
    missing = [one["pointer"] for one in error["errors"]]
    assert missing == ["/name", "/email", "/password"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b'{"name": NaN}',
        b'{"name": "\\ud800bc"}',
        b'{"name": "a\\u0000bc"}',
        b'{"name": "\xff\xfe"}',
        b'{"name": ' + b"[" * 65 + b"]" * 65 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(
    browser: httpx.Client, refused: Callable[..., Any], content: bytes
) -> None:
    """It says what is wrong with it, and is not taken for a failure of ours."""
    headers = {"Content-Type": "application/json"}

    answer = browser.put("/user", content=content, headers=headers)

    refused(answer, "malformed", answer.json()["error"]["message"])
    assert answer.json()["error"]["message"]


def test_of_many_who_sign_up_at_once_with_one_address_one_succeeds(
    browser: httpx.Client, refused: Callable[..., Any], email: str
) -> None:
    """Ninety-nine are told so, and nobody meets the database."""
    told = {"name": "Ada", "email": email, "password": "correct horse"}

    def sign_up(number: int) -> httpx.Response:
        return browser.put("/user", json=told)

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(sign_up, range(100)))

    taken = [answer for answer in answers if answer.status_code == 200]
    others = [answer for answer in answers if answer.status_code != 200]
    assert (len(taken), len(others)) == (1, 99)
    for answer in others:
        refused(answer, "conflict", "User already exists")


def test_a_user_is_seen_by_others_without_the_address(
    member: httpx.Client, user: dict[str, Any], sign_up: Callable[..., Any]
) -> None:
    """Not even one's own is shown."""
    for one in (user, sign_up(name="Somebody else")):
        answer = member.get(f"/user/{one['id']}")

        assert answer.status_code == 200
        del one["email"]
        assert answer.json() == {"user": one}


@pytest.mark.parametrize("path", ["user", "message"])
@pytest.mark.parametrize(
    "id", ["abc", "0", "-1", "1.5", "1e3", "2147483648", "9" * 30, "9" * 5000, "7x", "%20", "null"]
)
def test_what_is_no_id_is_refused_to_members_and_strangers(
    member: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
    path: str,
    id: str,
) -> None:
    """Inputs are looked at before anybody is asked who they are."""
    value = httpx.URL(f"http://x/{id}").path.removeprefix("/")[:1000]

    for one in (member, open_browser()):
        answer = one.get(f"/{path}/{id}")

        error = refused(answer, "invalid", "Invalid input", key=path, value=value)
        assert [problem["pointer"] for problem in error["errors"]] == [f"/{path}"]


@pytest.mark.parametrize(("path", "word"), [("user", "User"), ("message", "Message")])
@pytest.mark.parametrize("id", [2147483647, 1999999999])
def test_a_row_that_is_not_there_is_told_to_members_alone(
    member: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
    path: str,
    word: str,
    id: int,
) -> None:
    """A stranger learns nothing of what is there."""
    refused(member.get(f"/{path}/{id}"), "no row", f"{word} with id {id} not found")
    refused(open_browser().get(f"/{path}/{id}"), "anonymous", "Session not found")


def test_a_stranger_learns_nothing_of_who_is_there(
    browser: httpx.Client, refused: Callable[..., Any], user: dict[str, Any]
) -> None:
    """Somebody who is there is refused in the words of somebody who is not."""
    refused(browser.get(f"/user/{user['id']}"), "anonymous", "Session not found")
