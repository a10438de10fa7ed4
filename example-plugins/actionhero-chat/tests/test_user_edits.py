"""Tests of changing names, addresses and passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize("name", ["A", "a" * 256, "Ж名🎉"])
def test_names_can_be_changed(member: httpx.Client, user: dict[str, Any], name: str) -> None:
    """Apart from `updatedAt`, other fields do not change."""
    response = member.post("/user", json={"name": name})

    assert response.status_code == 200
    changed = response.json()["user"]
    assert changed == {**user, "name": name, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > user["updatedAt"]
    assert member.get(f"/user/{user['id']}").json()["user"]["name"] == name


def test_updated_at_increases_with_every_edit(member: httpx.Client) -> None:
    """This holds for edits in rapid succession."""
    timestamps = [
        member.post("/user", json={"name": "Ada"}).json()["user"]["updatedAt"] for _ in range(20)
    ]

    assert timestamps == sorted(set(timestamps))


def test_updated_at_increases_even_if_the_clock_was_set_back(
    chat: Any, member: httpx.Client, user: dict[str, Any]
) -> None:
    """The minimum difference is a millisecond."""
    timestamp = "2100-01-01 00:00:00+00:00"
    chat.execute(f"UPDATE users SET updated_at = '{timestamp}' WHERE id = {user['id']}")

    changed = member.post("/user", json={"name": "Ada"}).json()["user"]

    assert changed["updatedAt"] == 4_102_444_800_001


def test_a_changed_address_is_used_to_sign_in(
    member: httpx.Client, user: dict[str, Any], assert_error: Callable[..., Any], email: str
) -> None:
    """It is stored in lower case, and the previous one is invalid."""
    response = member.post("/user", json={"email": email.upper()})

    assert response.json()["user"]["email"] == email
    inputs = {"email": email, "password": "correct horse"}
    assert member.put("/session", json=inputs).status_code == 200
    response = member.put("/session", json={**inputs, "email": user["email"]})
    assert_error(response, "credentials", "Invalid email or password")


def test_users_can_submit_their_current_address(member: httpx.Client, user: dict[str, Any]) -> None:
    """It is not a conflict with themselves."""
    response = member.post("/user", json={"email": user["email"].title()})

    assert (response.status_code, response.json()["user"]["email"]) == (200, user["email"])


def test_the_address_of_another_user_is_a_conflict(
    member: httpx.Client,
    user: dict[str, Any],
    assert_error: Callable[..., Any],
    sign_up: Callable[..., Any],
) -> None:
    """No field is changed, not even the name from the same call."""
    used_email = sign_up()["email"]

    response = member.post("/user", json={"name": "Changed", "email": used_email.upper()})

    assert_error(response, "conflict", "User already exists")
    current = member.get(f"/user/{user['id']}").json()["user"]
    assert (current["name"], current["updatedAt"]) == (user["name"], user["updatedAt"])


@pytest.mark.parametrize("password", ["12345678", "p" * 256, "пароль🎉🎉"])
def test_passwords_can_be_changed(
    member: httpx.Client, user: dict[str, Any], assert_error: Callable[..., Any], password: str
) -> None:
    """The new password is valid, the previous one is not."""
    response = member.post("/user", json={"password": password})

    assert response.status_code == 200
    assert set(response.json()["user"]) == set(user)
    inputs = {"email": user["email"], "password": password}
    assert member.put("/session", json=inputs).status_code == 200
    response = member.put("/session", json={**inputs, "password": "correct horse"})
    assert_error(response, "credentials", "Invalid email or password")


@pytest.mark.parametrize("inputs", [{}, {"surprise": 1}, None])
def test_edits_without_fields_are_rejected(
    member: httpx.Client, error_format: str, inputs: dict[str, Any] | None
) -> None:
    """The error depends on the error format."""
    response = member.post("/user", json=inputs) if inputs is not None else member.post("/user")

    error = response.json()["error"]
    assert (response.status_code, error["type"], error["message"]) == (
        (422, "CONNECTION_ACTION_PARAM_VALIDATION", "No values to set")
        if error_format == "standard"
        else (500, "CONNECTION_ACTION_RUN", "Error: No values to set")
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Too small: expected string to have >=1 characters"),
        ("name", "a" * 257, "Too big: expected string to have <=256 characters"),
        ("name", 7, "Invalid input: expected string, received number"),
        ("name", [], "Invalid input: expected string, received array"),
        ("name", True, "Invalid input: expected string, received boolean"),
        ("name", {}, "Invalid input: expected string, received object"),
        ("email", "", "Invalid email address"),
        ("email", "no-at-sign", "Invalid email address"),
        ("email", "a@b", "Invalid email address"),
        ("email", "a b@example.com", "Invalid email address"),
        ("email", "a@@example.com", "Invalid email address"),
        ("email", "a@example..com", "Invalid email address"),
        ("email", "a" * 400 + "@example.com", "Too big: expected string to have <=320 characters"),
        ("email", 7, "Invalid input: expected string, received number"),
        ("email", ["a@example.com"], "Invalid input: expected string, received array"),
    ],
)
def test_invalid_edits_are_rejected(
    member: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
    field: str,
    value: object,
    message: str,
) -> None:
    """A stranger sees no error of the inputs, because the session is checked first."""
    response = member.post("/user", json={field: value})
    anonymous = open_client().post("/user", json={field: value})

    error = assert_error(response, "invalid", message, key=field, value=value)
    assert [each["pointer"] for each in error["errors"]] == [f"/{field}"]
    assert_error(anonymous, "anonymous", "Session not found")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1234567", "Too small: expected string to have >=8 characters"),
        ("p" * 257, "Too big: expected string to have <=256 characters"),
        (12345678, "Invalid input: expected string, received number"),
        ({"a": "correct horse"}, "Invalid input: expected string, received object"),
    ],
    ids=str,
)
def test_invalid_new_passwords_are_rejected_without_their_value(
    member: httpx.Client, assert_error: Callable[..., Any], value: object, message: str
) -> None:
    """The error has no `value`."""
    assert_error(member.post("/user", json={"password": value}), "invalid", message, key="password")


def test_edits_require_a_session(client: httpx.Client, assert_error: Callable[..., Any]) -> None:
    """Without a session, the error is 401."""
    response = client.post("/user", json={"name": "Mallory"})

    assert_error(response, "anonymous", "Session not found")


@pytest.mark.parametrize("field", ["name", "email", "password"])
def test_null_is_not_the_same_as_an_omitted_field(
    member: httpx.Client, assert_error: Callable[..., Any], field: str
) -> None:
    """Only an omitted field is unchanged; null is invalid."""
    response = member.post("/user", json={field: None})

    fields = {"key": field} if field == "password" else {"key": field, "value": None}
    assert_error(response, "invalid", "Invalid input: expected string, received null", **fields)
