"""Tests of signing in and out, and of session security."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

PASSWORD = "correct horse"
REQUIRED = "This field is required and must be at least 3 characters long"
INVALID_CREDENTIALS = "Invalid email or password"
FORGED_ID = "A" * 43


def sign_in(client: httpx.Client, user: dict[str, Any]) -> httpx.Response:
    response = client.put("/session", json={"email": user["email"], "password": PASSWORD})
    assert response.status_code == 200, response.text
    return response


def with_cookie(client: httpx.Client, cookie: str) -> httpx.Response:
    client.cookies.clear()
    return client.get("/messages/list", headers={"Cookie": f"__session={cookie}"})


def test_sign_in_returns_the_user_and_the_session(
    client: httpx.Client, user: dict[str, Any]
) -> None:
    """The user is the same as at sign-up, and the session id is the value of the cookie."""
    response = client.put("/session", json={"email": user["email"].title(), "password": PASSWORD})

    assert response.status_code == 200
    assert set(response.json()) == {"user", "session"}
    assert response.json()["user"] == user
    session = response.json()["session"]
    assert set(session) == {"id", "cookieName", "createdAt", "data"}
    assert session["id"] == client.cookies["__session"]
    assert session["cookieName"] == "__session"
    assert session["data"] == {"userId": user["id"]}
    assert type(session["createdAt"]) is int
    assert session["createdAt"] >= user["createdAt"]


def test_the_session_cookie_has_secure_attributes(
    client: httpx.Client, user: dict[str, Any]
) -> None:
    """It is HttpOnly and SameSite, and contains 256 random bits."""
    header = sign_in(client, user).headers["set-cookie"]

    assert re.fullmatch(
        r"__session=[A-Za-z0-9_-]{43}; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict", header
    )


def test_an_unknown_address_and_a_wrong_password_have_the_same_error(
    client: httpx.Client, user: dict[str, Any], email: str, assert_error: Callable[..., Any]
) -> None:
    """The error does not reveal whether the user exists, and no session is created."""
    for inputs in (
        {"email": email, "password": PASSWORD},
        {"email": user["email"], "password": "wrong horse"},
        {"email": user["email"], "password": PASSWORD + " "},
        {"email": user["email"], "password": PASSWORD.upper()},
        # Too short for a sign-up, whose rule is not that of a sign-in.
        {"email": user["email"], "password": "horse"},
    ):
        response = client.put("/session", json=inputs)

        assert_error(response, "credentials", INVALID_CREDENTIALS)
    assert_error(client.get("/messages/list"), "anonymous", "Session not found")


@pytest.mark.parametrize(
    ("inputs", "key", "message"),
    [
        ({}, "email", "Missing required param: email"),
        ({"email": "a@b.c"}, "password", "Missing required param: password"),
        ({"email": "", "password": PASSWORD}, "email", REQUIRED),
        ({"email": "no-at-sign", "password": PASSWORD}, "email", "This is not a valid email"),
        (
            {"email": ["a@b.c"], "password": PASSWORD},
            "email",
            "Invalid input: expected string, received array",
        ),
        (
            {"email": {"$ne": None}, "password": {"$ne": None}},
            "email",
            "Invalid input: expected string, received object",
        ),
    ],
)
def test_invalid_sign_ins_are_rejected(
    client: httpx.Client,
    assert_error: Callable[..., Any],
    inputs: dict[str, Any],
    key: str,
    message: str,
) -> None:
    """They are rejected before the user is looked up."""
    response = client.put("/session", json=inputs)

    value = {"value": inputs[key]} if key in inputs else {}
    assert_error(response, "invalid", message, key=key, **value)


def test_sign_in_accepts_forms(client: httpx.Client, user: dict[str, Any]) -> None:
    """A page can sign in without JavaScript."""
    response = client.put("/session", data={"email": user["email"], "password": PASSWORD})

    assert response.status_code == 200


def test_sign_out_ends_the_session(member: httpx.Client, assert_error: Callable[..., Any]) -> None:
    """The cookie is deleted, and its previous value is invalid."""
    cookie = member.cookies["__session"]

    response = member.delete("/session")

    assert (response.status_code, response.json()) == (200, {"success": True})
    assert "__session" not in member.cookies or member.cookies["__session"] != cookie
    assert_error(with_cookie(member, cookie), "anonymous", "Session not found")


def test_sign_out_requires_a_session(
    client: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """Without a session it is an error."""
    assert_error(client.delete("/session"), "anonymous", "Session not found")


def test_two_clients_of_one_user_have_two_sessions(
    user: dict[str, Any], open_client: Callable[[], httpx.Client], assert_error: Callable[..., Any]
) -> None:
    """A sign-out ends only one of them."""
    first, second = open_client(), open_client()
    ids = {sign_in(one, user).json()["session"]["id"] for one in (first, second)}
    assert len(ids) == 2

    first.delete("/session")

    assert_error(first.get("/messages/list"), "anonymous", "Session not found")
    assert second.get("/messages/list").status_code == 200


def test_forged_session_ids_are_never_adopted(
    client: httpx.Client, user: dict[str, Any], chat: Any
) -> None:
    """A planted cookie does not become the id of the session (session fixation)."""
    inputs = {"email": user["email"], "password": PASSWORD}
    headers = {"Cookie": f"__session={FORGED_ID}"}

    response = client.put("/session", json=inputs, headers=headers)

    assert response.status_code == 200
    assert response.json()["session"]["id"] != FORGED_ID
    assert SimpleCookie(response.headers["set-cookie"])["__session"].value != FORGED_ID
    with chat.redis() as store:
        assert [key for key in store.scan_iter() if FORGED_ID in key] == []


def test_each_sign_in_replaces_the_session_id(
    user: dict[str, Any],
    sign_up: Callable[..., Any],
    client: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
) -> None:
    """This holds for a second user in the same client, too."""
    first = sign_in(client, user).json()["session"]
    other = sign_up()

    second = sign_in(client, other).json()["session"]

    assert second["id"] not in {first["id"], FORGED_ID}
    assert second["data"] == {"userId": other["id"]}
    assert_error(with_cookie(open_client(), first["id"]), "anonymous", "Session not found")


def test_modified_cookies_are_invalid(
    member: httpx.Client, open_client: Callable[[], httpx.Client], assert_error: Callable[..., Any]
) -> None:
    """One character is added, removed or replaced."""
    cookie = member.cookies["__session"]
    other_client = open_client()
    first = "B" if cookie[0] == "A" else "A"

    values = (first + cookie[1:], cookie[:-1], cookie + "A", cookie.swapcase(), "", "*", "%00")
    for value in values:
        assert_error(with_cookie(other_client, value), "anonymous", "Session not found")
    assert with_cookie(other_client, cookie).status_code == 200


def test_expired_sessions_are_invalid(
    member: httpx.Client, chat: Any, assert_error: Callable[..., Any], user: dict[str, Any]
) -> None:
    """The next sign-in creates a new session."""
    cookie = member.cookies["__session"]
    with chat.redis() as store:
        [key] = [key for key in store.scan_iter() if cookie in key]
        assert 0 < store.pttl(key) <= 86_400_000
        store.pexpire(key, -1)

    assert_error(member.get("/messages/list"), "anonymous", "Session not found")
    assert sign_in(member, user).json()["session"]["id"] != cookie


def test_calls_extend_the_session(member: httpx.Client, chat: Any) -> None:
    """Each call resets the expiry time."""
    with chat.redis() as store:
        [key] = [key for key in store.scan_iter() if member.cookies["__session"] in key]
        store.pexpire(key, 60_000)

        assert member.get("/messages/list").status_code == 200

        assert store.pttl(key) > 86_000_000


def test_anonymous_calls_store_no_session(
    client: httpx.Client, chat: Any, user: dict[str, Any], email: str
) -> None:
    """Only a successful sign-in creates one."""
    with chat.redis() as store:

        def keys() -> set[str]:
            return {key for key in store.scan_iter() if ":limits:" not in key}

        before = keys()
        client.get("/status")
        client.get("/messages/list")
        client.get("/nowhere")
        client.put("/user", json={"name": "Ada", "email": email, "password": PASSWORD})
        client.put("/session", json={"email": email, "password": "wrong horse"})
        client.put("/session", json={"email": user["email"], "password": "short"})
        client.delete("/session")

        assert keys() == before


def test_sessions_of_deleted_users_are_handled(
    member: httpx.Client, user: dict[str, Any], chat: Any, assert_error: Callable[..., Any]
) -> None:
    """Calls of a deleted user fail with a client error."""
    chat.execute(f"DELETE FROM users WHERE id = {user['id']}")

    message_response = member.put("/message", json={"body": "hello"})
    user_response = member.post("/user", json={"name": "Ada"})

    assert_error(message_response, "anonymous", "Session not found")
    assert_error(user_response, "no row", f"User with id {user['id']} not found")
    assert member.delete("/session").status_code == 200
