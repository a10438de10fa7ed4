"""Signing in and out, and that nobody gets into a session that is not theirs."""

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
REFUSED = "Invalid email or password"
MADE_UP = "A" * 43


def sign_in(browser: httpx.Client, user: dict[str, Any]) -> httpx.Response:
    answer = browser.put("/session", json={"email": user["email"], "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer


def with_cookie(browser: httpx.Client, cookie: str) -> httpx.Response:
    browser.cookies.clear()
    return browser.get("/messages/list", headers={"Cookie": f"__session={cookie}"})


def test_who_signs_in_is_told_who_they_are_and_what_is_kept(
    browser: httpx.Client, user: dict[str, Any]
) -> None:
    """The user as at sign-up, and the session that the cookie brings back."""
    answer = browser.put("/session", json={"email": user["email"].title(), "password": PASSWORD})

    assert answer.status_code == 200
    assert set(answer.json()) == {"user", "session"}
    assert answer.json()["user"] == user
    session = answer.json()["session"]
    assert set(session) == {"id", "cookieName", "createdAt", "data"}
    assert session["id"] == browser.cookies["__session"]
    assert session["cookieName"] == "__session"
    assert session["data"] == {"userId": user["id"]}
    assert type(session["createdAt"]) is int
    assert session["createdAt"] >= user["createdAt"]


def test_the_cookie_is_for_the_server_alone(browser: httpx.Client, user: dict[str, Any]) -> None:
    """No script reads it, no other site sends it, and it holds 256 random bits."""
    header = sign_in(browser, user).headers["set-cookie"]

    assert re.fullmatch(
        r"__session=[A-Za-z0-9_-]{43}; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict", header
    )


def test_an_unknown_address_and_a_wrong_password_are_refused_alike(
    browser: httpx.Client, user: dict[str, Any], email: str, refused: Callable[..., Any]
) -> None:
    """Whether somebody is here is not told, and no session begins."""
    for told in (
        {"email": email, "password": PASSWORD},
        {"email": user["email"], "password": "wrong horse"},
        {"email": user["email"], "password": PASSWORD + " "},
        {"email": user["email"], "password": PASSWORD.upper()},
    ):
        answer = browser.put("/session", json=told)

        refused(answer, "credentials", REFUSED)
    refused(browser.get("/messages/list"), "anonymous", "Session not found")


@pytest.mark.parametrize(
    ("told", "key", "message"),
    [
        ({}, "email", "Missing required param: email"),
        ({"email": "a@b.c"}, "password", "Missing required param: password"),
        ({"email": "", "password": PASSWORD}, "email", REQUIRED),
        ({"email": "nobody", "password": PASSWORD}, "email", "This is not a valid email"),
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
def test_a_sign_in_that_does_not_fit_is_refused(
    browser: httpx.Client,
    refused: Callable[..., Any],
    told: dict[str, Any],
    key: str,
    message: str,
) -> None:
    """Before anybody is looked for."""
    answer = browser.put("/session", json=told)

    value = {"value": told[key]} if key in told else {}
    refused(answer, "invalid", message, key=key, **value)


def test_a_form_signs_in_as_well(browser: httpx.Client, user: dict[str, Any]) -> None:
    """A page needs no script."""
    answer = browser.put("/session", data={"email": user["email"], "password": PASSWORD})

    assert answer.status_code == 200


def test_who_signs_out_is_a_stranger(member: httpx.Client, refused: Callable[..., Any]) -> None:
    """The cookie is taken away, and worth nothing to whoever kept it."""
    cookie = member.cookies["__session"]

    answer = member.delete("/session")

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert "__session" not in member.cookies or member.cookies["__session"] != cookie
    refused(with_cookie(member, cookie), "anonymous", "Session not found")


def test_a_stranger_cannot_sign_out(browser: httpx.Client, refused: Callable[..., Any]) -> None:
    """There is nothing to end."""
    refused(browser.delete("/session"), "anonymous", "Session not found")


def test_two_browsers_of_one_user_are_two_sessions(
    user: dict[str, Any], open_browser: Callable[[], httpx.Client], refused: Callable[..., Any]
) -> None:
    """Signing out at home leaves the phone signed in."""
    home, phone = open_browser(), open_browser()
    assert (
        sign_in(home, user).json()["session"]["id"] != sign_in(phone, user).json()["session"]["id"]
    )

    home.delete("/session")

    refused(home.get("/messages/list"), "anonymous", "Session not found")
    assert phone.get("/messages/list").status_code == 200


def test_a_cookie_that_we_did_not_make_is_never_taken_on(
    browser: httpx.Client, user: dict[str, Any], chat: Any
) -> None:
    """Whoever plants one in a browser does not know the one that it gets."""
    told = {"email": user["email"], "password": PASSWORD}
    headers = {"Cookie": f"__session={MADE_UP}"}

    answer = browser.put("/session", json=told, headers=headers)

    assert answer.status_code == 200
    assert answer.json()["session"]["id"] != MADE_UP
    assert SimpleCookie(answer.headers["set-cookie"])["__session"].value != MADE_UP
    with chat.redis() as kept:
        assert [key for key in kept.scan_iter() if MADE_UP in key] == []


def test_the_cookie_changes_at_each_sign_in_and_the_old_one_is_dead(
    user: dict[str, Any],
    sign_up: Callable[..., Any],
    browser: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
) -> None:
    """Also where one user follows another in one browser."""
    first = sign_in(browser, user).json()["session"]
    other = sign_up()

    second = sign_in(browser, other).json()["session"]

    assert second["id"] not in {first["id"], MADE_UP}
    assert second["data"] == {"userId": other["id"]}
    refused(with_cookie(open_browser(), first["id"]), "anonymous", "Session not found")


def test_a_cookie_that_was_changed_is_worth_nothing(
    member: httpx.Client, open_browser: Callable[[], httpx.Client], refused: Callable[..., Any]
) -> None:
    """A letter more, less, or another one."""
    cookie = member.cookies["__session"]
    thief = open_browser()
    other = "B" if cookie[0] == "A" else "A"

    for tried in (other + cookie[1:], cookie[:-1], cookie + "A", cookie.swapcase(), "", "*", "%00"):
        refused(with_cookie(thief, tried), "anonymous", "Session not found")
    assert with_cookie(thief, cookie).status_code == 200


def test_a_session_that_has_run_out_is_gone(
    member: httpx.Client, chat: Any, refused: Callable[..., Any], user: dict[str, Any]
) -> None:
    """Signing in again begins another one."""
    cookie = member.cookies["__session"]
    with chat.redis() as kept:
        [key] = [key for key in kept.scan_iter() if cookie in key]
        assert 0 < kept.pttl(key) <= 86_400_000
        kept.pexpire(key, -1)

    refused(member.get("/messages/list"), "anonymous", "Session not found")
    assert sign_in(member, user).json()["session"]["id"] != cookie


def test_a_call_makes_a_session_last_longer(member: httpx.Client, chat: Any) -> None:
    """Who comes back in time stays signed in."""
    with chat.redis() as kept:
        [key] = [key for key in kept.scan_iter() if member.cookies["__session"] in key]
        kept.pexpire(key, 60_000)

        assert member.get("/messages/list").status_code == 200

        assert kept.pttl(key) > 86_000_000


def test_nothing_is_kept_of_a_visitor(
    browser: httpx.Client, chat: Any, user: dict[str, Any], email: str
) -> None:
    """Whatever they try, but signing in."""
    with chat.redis() as kept:
        before = set(kept.scan_iter())
        browser.get("/status")
        browser.get("/messages/list")
        browser.get("/nowhere")
        browser.put("/user", json={"name": "Ada", "email": email, "password": PASSWORD})
        browser.put("/session", json={"email": email, "password": "wrong horse"})
        browser.put("/session", json={"email": user["email"], "password": "short"})
        browser.delete("/session")

        assert set(kept.scan_iter()) == before


def test_a_session_may_outlive_its_user(
    member: httpx.Client, user: dict[str, Any], chat: Any, refused: Callable[..., Any]
) -> None:
    """Somebody who was removed writes nothing and changes nothing, and meets no failure of ours."""
    chat.execute(f"DELETE FROM users WHERE id = {user['id']}")

    answer = member.put("/message", json={"body": "from beyond"})
    changed = member.post("/user", json={"name": "Ghost"})

    refused(answer, "anonymous", "Session not found")
    refused(changed, "no row", f"User with id {user['id']} not found")
    assert member.delete("/session").status_code == 200
