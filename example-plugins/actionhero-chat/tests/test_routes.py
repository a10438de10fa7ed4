"""The routes of the chat: their methods, its health, and errors in the form of the standard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

#: Every route, and its methods.
ROUTES = {
    "/status": {"GET", "HEAD"},
    "/user": {"PUT", "POST"},
    "/user/1": {"GET", "HEAD"},
    "/session": {"PUT", "DELETE"},
    "/message": {"PUT"},
    "/message/1": {"GET", "HEAD"},
    "/messages/list": {"GET", "HEAD"},
    "/file": {"POST"},
    "/channel/messages/members": {"GET", "HEAD"},
}
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH")


@pytest.mark.parametrize("path", ROUTES)
def test_a_route_answers_to_its_own_methods(
    browser: httpx.Client, refused: Callable[..., Any], profile: str, path: str
) -> None:
    """Any other is told which ones there are."""
    for method in METHODS:
        answer = browser.request(method, path)

        if method in ROUTES[path]:
            assert answer.status_code not in {404, 405}
        elif method == "HEAD":
            assert answer.status_code == (405 if profile == "standard" else 404)
        else:
            refused(answer, "method", answer.json()["error"]["message"])
        if answer.status_code == 405:
            allowed = set(answer.headers["allow"].replace(" ", "").split(","))
            assert allowed - {"OPTIONS"} == ROUTES[path]


@pytest.mark.parametrize("path", ROUTES)
def test_a_page_of_another_site_may_ask_and_gets_no_leave(
    browser: httpx.Client, profile: str, path: str
) -> None:
    """No other origin is allowed, unless it is set."""
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": "PUT"}

    answer = browser.options(path, headers=headers)

    if profile == "standard":
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        assert (answer.status_code, answer.content) == (200, b"{}\r\n")
    assert "access-control-allow-origin" not in answer.headers


def test_head_tells_what_get_would(member: httpx.Client) -> None:
    """But the body."""
    member.put("/message", json={"body": "hello"})

    head, get = member.head("/messages/list"), member.get("/messages/list")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"] == "application/json"


def test_a_trailing_slash_is_the_same_route(member: httpx.Client) -> None:
    """And another case is another."""
    assert member.get("/messages/list/").status_code == 200
    assert member.get("/Messages/list").status_code == 404


def test_the_status_tells_of_the_database_and_of_redis(chat: Any, browser: httpx.Client) -> None:
    """By their names, for anybody."""
    answer = browser.get("/status")

    assert answer.status_code == 200
    told = answer.json()
    keys = ["name", "pid", "version", "uptime", "consumedMemoryMB", "healthy", "checks"]
    assert list(told) == keys
    assert told["checks"] == {"database": True, "redis": True}
    assert told["healthy"] is True
    assert type(told["pid"]) is type(told["uptime"]) is int
    assert told["uptime"] > 0
    assert told["consumedMemoryMB"] == round(told["consumedMemoryMB"], 2) > 0
    assert (told["name"], type(told["version"])) == ("actionhero", str)


def test_each_profile_writes_json_as_its_clients_know_it(
    browser: httpx.Client, profile: str
) -> None:
    """Compact, or with two spaces and a line's end."""
    content = browser.get("/status").content

    assert content.startswith(b'{"name":' if profile == "standard" else b'{\n  "name": ')
    assert content.endswith(b"}" if profile == "standard" else b"}\r\n")


@pytest.mark.parametrize(
    ("method", "path", "told", "status", "detail"),
    [
        ("PUT", "/user", {"name": "ab"}, 422, None),
        ("GET", "/messages/list", None, 401, "Session not found"),
        ("PUT", "/session", {"email": "x@y.z", "password": "a" * 8}, 401, None),
        ("GET", "/nowhere", None, 404, "Action not found"),
        ("PATCH", "/user", None, 405, None),
    ],
)
def test_who_asks_for_it_is_told_by_the_standard(
    browser: httpx.Client,
    method: str,
    path: str,
    told: object,
    status: int,
    detail: str | None,
) -> None:
    """With the standard's statuses, in both profiles (RFC 9457)."""
    headers = {"Accept": "application/problem+json"}

    answer = browser.request(method, path, json=told, headers=headers)

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status)
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert "error" not in problem
    assert detail is None or problem["detail"] == detail
    if status == 422:
        pointers = [one["pointer"] for one in problem["errors"]]
        assert pointers == ["/name", "/email", "/password"]


def test_a_row_and_an_address_are_problems_as_well(
    member: httpx.Client, user: dict[str, Any]
) -> None:
    """What the profile `actionhero` calls 500 is 404 and 409 here."""
    headers = {"Accept": "application/problem+json"}
    told = {"name": "Ada", "email": user["email"], "password": "correct horse"}

    missing = member.get("/user/2000000000", headers=headers)
    taken = member.put("/user", json=told, headers=headers)

    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "User with id 2000000000 not found",
    )
    assert (taken.status_code, taken.json()["detail"]) == (409, "User already exists")
