"""Users change their name, their address and their password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize("name", ["A", "a" * 256, "Ж名🎉"])
def test_a_name_is_changed(member: httpx.Client, user: dict[str, Any], name: str) -> None:
    """The rest stays, but for the moment of the change."""
    answer = member.post("/user", json={"name": name})

    assert answer.status_code == 200
    changed = answer.json()["user"]
    assert changed == {**user, "name": name, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > user["updatedAt"]
    assert member.get(f"/user/{user['id']}").json()["user"]["name"] == name


def test_every_change_is_later_than_the_one_before(member: httpx.Client) -> None:
    """Even when they come as fast as they can."""
    moments = [
        member.post("/user", json={"name": "Ada"}).json()["user"]["updatedAt"] for _ in range(20)
    ]

    assert moments == sorted(set(moments))


def test_a_change_is_later_even_if_the_clock_was_set_back(
    chat: Any, member: httpx.Client, user: dict[str, Any]
) -> None:
    """By a millisecond, if need be."""
    moment = "2100-01-01 00:00:00+00:00"
    chat.execute(f"UPDATE users SET updated_at = '{moment}' WHERE id = {user['id']}")

    changed = member.post("/user", json={"name": "Ada"}).json()["user"]

    assert changed["updatedAt"] == 4_102_444_800_001


def test_an_address_is_changed_and_signs_in(
    member: httpx.Client, user: dict[str, Any], refused: Callable[..., Any], email: str
) -> None:
    """In lower case; the old one is nobody's."""
    answer = member.post("/user", json={"email": email.upper()})

    assert answer.json()["user"]["email"] == email
    told = {"email": email, "password": "correct horse"}
    assert member.put("/session", json=told).status_code == 200
    answer = member.put("/session", json={**told, "email": user["email"]})
    refused(answer, "credentials", "Invalid email or password")


def test_ones_own_address_may_be_given_again(member: httpx.Client, user: dict[str, Any]) -> None:
    """It is taken, but by oneself."""
    answer = member.post("/user", json={"email": user["email"].title()})

    assert (answer.status_code, answer.json()["user"]["email"]) == (200, user["email"])


def test_somebody_elses_address_is_refused_and_nothing_is_changed(
    member: httpx.Client,
    user: dict[str, Any],
    refused: Callable[..., Any],
    sign_up: Callable[..., Any],
) -> None:
    """Neither is the name that came with it."""
    taken = sign_up()["email"]

    answer = member.post("/user", json={"name": "Changed", "email": taken.upper()})

    refused(answer, "conflict", "User already exists")
    seen = member.get(f"/user/{user['id']}").json()["user"]
    assert (seen["name"], seen["updatedAt"]) == (user["name"], user["updatedAt"])


@pytest.mark.parametrize("password", ["12345678", "p" * 256, "пароль🎉🎉"])
def test_a_password_is_changed(
    member: httpx.Client, user: dict[str, Any], refused: Callable[..., Any], password: str
) -> None:
    """The new one signs in, the old one no more."""
    answer = member.post("/user", json={"password": password})

    assert answer.status_code == 200
    assert set(answer.json()["user"]) == set(user)
    told = {"email": user["email"], "password": password}
    assert member.put("/session", json=told).status_code == 200
    answer = member.put("/session", json={**told, "password": "correct horse"})
    refused(answer, "credentials", "Invalid email or password")


@pytest.mark.parametrize("told", [{}, {"surprise": 1}, None])
def test_a_change_of_nothing_is_refused(
    member: httpx.Client, profile: str, told: dict[str, Any] | None
) -> None:
    """In the words that the clients of each profile know."""
    answer = member.post("/user", json=told) if told is not None else member.post("/user")

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["message"]) == (
        (422, "CONNECTION_ACTION_PARAM_VALIDATION", "No values to set")
        if profile == "standard"
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
        ("email", "nobody", "Invalid email address"),
        ("email", "a@b", "Invalid email address"),
        ("email", "a b@example.com", "Invalid email address"),
        ("email", "a@@example.com", "Invalid email address"),
        ("email", "a@example..com", "Invalid email address"),
        ("email", "a" * 400 + "@example.com", "Too big: expected string to have <=320 characters"),
        ("email", 7, "Invalid input: expected string, received number"),
        ("email", ["a@example.com"], "Invalid input: expected string, received array"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    member: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
    field: str,
    value: object,
    message: str,
) -> None:
    """To strangers in the same words: inputs are looked at first."""
    for one in (member, open_browser()):
        answer = one.post("/user", json={field: value})

        error = refused(answer, "invalid", message, key=field, value=value)
        assert [problem["pointer"] for problem in error["errors"]] == [f"/{field}"]


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
def test_a_new_password_that_does_not_fit_is_refused_and_not_told(
    member: httpx.Client, refused: Callable[..., Any], value: object, message: str
) -> None:
    """There is no `value` in the answer."""
    refused(member.post("/user", json={"password": value}), "invalid", message, key="password")


def test_a_stranger_changes_nothing(browser: httpx.Client, refused: Callable[..., Any]) -> None:
    """Whoever has not signed in is told so."""
    answer = browser.post("/user", json={"name": "Mallory"})

    refused(answer, "anonymous", "Session not found")


@pytest.mark.parametrize("field", ["name", "email", "password"])
def test_null_is_no_way_to_leave_something_out(
    member: httpx.Client, refused: Callable[..., Any], field: str
) -> None:
    """Whoever says nothing of a field, changes nothing of it."""
    answer = member.post("/user", json={field: None})

    told = {"key": field} if field == "password" else {"key": field, "value": None}
    refused(answer, "invalid", "Invalid input: expected string, received null", **told)
