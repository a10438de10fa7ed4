"""Tests of sign-up and of viewing users."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_USER_KEYS = {"id", "name", "email", "createdAt", "updatedAt"}
REQUIRED = "This field is required and must be at least 3 characters long"
LONG_EMAIL = "a" * (320 - len("@example.com")) + "@example.com"


def test_sign_up_returns_the_user(client: httpx.Client, email: str) -> None:
    """The result contains all inputs except the password."""
    response = client.put(
        "/user", json={"name": "Ada Ж 名前 🎉", "email": email, "password": "correct horse"}
    )

    assert response.status_code == 200
    assert set(response.json()) == {"user"}
    user = response.json()["user"]
    assert set(user) == OWN_USER_KEYS
    assert (user["name"], user["email"]) == ("Ada Ж 名前 🎉", email)
    assert all(type(user[key]) is int for key in ("id", "createdAt", "updatedAt"))
    assert user["createdAt"] == user["updatedAt"] > 1_700_000_000_000
    assert "set-cookie" not in response.headers or "__session" in response.headers["set-cookie"]


def test_addresses_are_stored_in_lower_case(sign_up: Callable[..., Any], email: str) -> None:
    """Case does not distinguish addresses."""
    assert sign_up(email=email.upper())["email"] == email


@pytest.mark.parametrize("change_case", [str, str.upper, str.title])
def test_addresses_are_unique(
    client: httpx.Client,
    assert_error: Callable[..., Any],
    user: dict[str, Any],
    change_case: Callable[[str], str],
) -> None:
    """Case is ignored."""
    inputs = {"name": "Another", "email": change_case(user["email"]), "password": "correct horse"}

    response = client.put("/user", json=inputs)

    assert_error(response, "conflict", "User already exists")


def test_names_are_not_unique(sign_up: Callable[..., Any]) -> None:
    """Users sign in with their address, not with their name."""
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
def test_values_within_the_limits_are_accepted(
    client: httpx.Client, email: str, fields: dict[str, Any]
) -> None:
    """The limits are inclusive. Unknown inputs are ignored."""
    inputs = {"name": "Ada", "email": email, "password": "correct horse", **fields}
    inputs["email"] = f"{email[:8]}{inputs['email']}"

    response = client.put("/user", json=inputs)

    assert response.status_code == 200, response.text
    assert set(response.json()["user"]) == OWN_USER_KEYS
    assert response.json()["user"]["name"] == inputs["name"]


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
        ("email", "no-at-sign", "This is not a valid email"),
        ("email", "ada@localhost", "This is not a valid email"),
        ("email", "ada.example", "This is not a valid email"),
        ("email", "a" + LONG_EMAIL, "Email must be less than 320 characters"),
        ("email", None, "Invalid input: expected string, received null"),
        ("email", 7, "Invalid input: expected string, received number"),
        ("email", False, "Invalid input: expected string, received boolean"),
        ("email", [], "Invalid input: expected string, received array"),
        ("email", {}, "Invalid input: expected string, received object"),
    ],
)
def test_invalid_names_and_addresses_are_rejected(
    client: httpx.Client,
    assert_error: Callable[..., Any],
    email: str,
    field: str,
    value: object,
    message: str,
) -> None:
    """The error contains the field, the value and the reason."""
    inputs = {"name": "Ada", "email": email, "password": "correct horse", field: value}

    response = client.put("/user", json=inputs)

    error = assert_error(response, "invalid", message, key=field, value=value)
    assert [(one["pointer"], one["message"]) for one in error["errors"]] == [(f"/{field}", message)]
    assert set(error["errors"][0]) == {"pointer", "message", "type"}


@pytest.mark.parametrize("value", ["", "1234567"])
def test_short_passwords_are_rejected_at_the_sign_up_only(
    client: httpx.Client, assert_error: Callable[..., Any], email: str, value: str
) -> None:
    """At the sign-in, such a password is a wrong one."""
    inputs = {"name": "Ada", "email": email, "password": value}

    refused = client.put("/user", json=inputs)
    wrong = client.put("/session", json=inputs)

    assert_error(refused, "invalid", "Password must be at least 8 characters", key="password")
    assert "password" in wrong.json()["error"]["message"]
    assert "characters" not in wrong.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/user", "/session"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("p" * 257, "Password must be less than 256 characters"),
        (None, "Invalid input: expected string, received null"),
        (12345678, "Invalid input: expected string, received number"),
        (["correct horse"], "Invalid input: expected string, received array"),
        ({"a": {"b": "correct horse"}}, "Invalid input: expected string, received object"),
    ],
    ids=str,
)
def test_invalid_passwords_are_rejected_without_their_value(
    client: httpx.Client,
    assert_error: Callable[..., Any],
    email: str,
    path: str,
    value: object,
    message: str,
) -> None:
    """The error has no `value`: an invalid password can still be a secret."""
    response = client.put(path, json={"name": "Ada", "email": email, "password": value})

    assert_error(response, "invalid", message, key="password")


def test_all_invalid_fields_are_reported_at_once(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """`message` is about the first declared field, independent of the order of the inputs."""
    response = client.put("/user", json={"password": "short", "email": "no-at-sign"})

    error = assert_error(response, "invalid", "Missing required param: name", key="name")
    assert [(one["pointer"], one["message"]) for one in error["errors"]] == [
        ("/name", "Missing required param: name"),
        ("/email", "This is not a valid email"),
        ("/password", "Password must be at least 8 characters"),
    ]


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_missing_fields_of_an_empty_body_are_reported(
    client: httpx.Client, assert_error: Callable[..., Any], content: bytes
) -> None:
    """An empty body is an empty object."""
    headers = {"Content-Type": "application/json"}

    response = client.put("/user", content=content, headers=headers)

    error = assert_error(response, "invalid", "Missing required param: name", key="name")
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
        b'{"name": "\xff\xfe"}',
        b'{"name": ' + b"[" * 65 + b"]" * 65 + b"}",
    ],
)
def test_bodies_that_are_not_json_objects_are_rejected(
    client: httpx.Client, assert_error: Callable[..., Any], content: bytes
) -> None:
    """The error has a message, and is a client error."""
    headers = {"Content-Type": "application/json"}

    response = client.put("/user", content=content, headers=headers)

    assert_error(response, "malformed", response.json()["error"]["message"])
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("text", ["\\ud800bc", "a\\u0000bc"])
def test_texts_that_cannot_be_stored_are_invalid_inputs(
    client: httpx.Client, assert_error: Callable[..., Any], text: str
) -> None:
    """A lone surrogate and a NUL are valid JSON."""
    content = b'{"name": "%b", "email": "a@b.cd", "password": "correct horse"}' % text.encode()

    response = client.put("/user", content=content, headers={"Content-Type": "application/json"})

    error = response.json()["error"]
    assert_error(response, "invalid", error["message"], key="name")


def test_one_of_many_concurrent_sign_ups_with_one_address_succeeds(
    client: httpx.Client, assert_error: Callable[..., Any], email: str
) -> None:
    """The others get a conflict, not a database error."""
    inputs = {"name": "Ada", "email": email, "password": "correct horse"}

    def sign_up(number: int) -> httpx.Response:
        return client.put("/user", json=inputs)

    with ThreadPoolExecutor(100) as threads:
        responses = list(threads.map(sign_up, range(100)))

    successes = [response for response in responses if response.status_code == 200]
    failures = [response for response in responses if response.status_code != 200]
    assert (len(successes), len(failures)) == (1, 99)
    for response in failures:
        assert_error(response, "conflict", "User already exists")


def test_viewed_users_have_no_address(
    member: httpx.Client, user: dict[str, Any], sign_up: Callable[..., Any]
) -> None:
    """This includes the caller's own user."""
    for one in (user, sign_up(name="Grace")):
        response = member.get(f"/user/{one['id']}")

        assert response.status_code == 200
        del one["email"]
        assert response.json() == {"user": one}


@pytest.mark.parametrize("path", ["user", "message"])
@pytest.mark.parametrize(
    "id", ["abc", "0", "-1", "1.5", "1e3", "2147483648", "9" * 30, "9" * 5000, "7x", "%20", "null"]
)
def test_invalid_ids_are_rejected_with_a_session_only(
    member: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
    path: str,
    id: str,
) -> None:
    """A stranger learns nothing: the session is checked before inputs are validated."""
    value = httpx.URL(f"http://x/{id}").path.removeprefix("/")[:1000]

    response = member.get(f"/{path}/{id}")
    anonymous = open_client().get(f"/{path}/{id}")

    is_small = id in {"0", "-1"}
    message = "Too small: expected number to be >0" if is_small else "Invalid input"
    error = assert_error(response, "invalid", message, key=path, value=value)
    assert [each["pointer"] for each in error["errors"]] == [f"/{path}"]
    assert_error(anonymous, "anonymous", "Session not found")


@pytest.mark.parametrize(("path", "noun"), [("user", "User"), ("message", "Message")])
@pytest.mark.parametrize("id", [2147483647, 1999999999])
def test_not_found_is_only_reported_with_a_session(
    member: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
    path: str,
    noun: str,
    id: int,
) -> None:
    """Without a session, the existence of a row is not revealed."""
    assert_error(member.get(f"/{path}/{id}"), "no row", f"{noun} with id {id} not found")
    assert_error(open_client().get(f"/{path}/{id}"), "anonymous", "Session not found")


def test_existing_users_are_not_revealed_without_a_session(
    client: httpx.Client, assert_error: Callable[..., Any], user: dict[str, Any]
) -> None:
    """The error is the same as for a user that does not exist."""
    assert_error(client.get(f"/user/{user['id']}"), "anonymous", "Session not found")
