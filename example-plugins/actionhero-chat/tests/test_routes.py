"""Tests of routes, the status, and problem details."""

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
    "/permissions": {"GET", "HEAD"},
    "/session": {"PUT", "DELETE"},
    "/key": {"PUT"},
    "/key/1": {"DELETE"},
    "/keys": {"GET", "HEAD"},
    "/message": {"PUT"},
    "/message/1": {"GET", "HEAD", "DELETE"},
    "/messages/list": {"GET", "HEAD"},
    "/file": {"POST"},
    "/channel/messages/members": {"GET", "HEAD"},
}
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH")


@pytest.mark.parametrize("path", ROUTES)
def test_routes_accept_only_their_own_methods(
    client: httpx.Client, assert_error: Callable[..., Any], error_format: str, path: str
) -> None:
    """Other methods get an error with an `Allow` header."""
    for method in METHODS:
        response = client.request(method, path)

        if method in ROUTES[path]:
            assert response.status_code not in {404, 405}
        elif method == "HEAD":
            assert response.status_code == (405 if error_format == "standard" else 404)
        else:
            assert_error(response, "method", response.json()["error"]["message"])
        if response.status_code == 405:
            allowed = set(response.headers["allow"].replace(" ", "").split(","))
            assert allowed - {"OPTIONS"} == ROUTES[path]


@pytest.mark.parametrize("path", ROUTES)
def test_preflight_requests_of_other_origins_are_not_allowed(
    client: httpx.Client, error_format: str, path: str
) -> None:
    """By default no other origin is allowed."""
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": "PUT"}

    response = client.options(path, headers=headers)

    if error_format == "standard":
        assert (response.status_code, response.content) == (204, b"")
    else:
        assert (response.status_code, response.content) == (200, b"{}\r\n")
    assert "access-control-allow-origin" not in response.headers


def test_head_has_the_headers_of_get(member: httpx.Client) -> None:
    """It has no body."""
    member.put("/message", json={"body": "hello"})

    head, get = member.head("/messages/list"), member.get("/messages/list")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"] == "application/json"


def test_trailing_slashes_are_ignored(member: httpx.Client) -> None:
    """Case is not ignored."""
    assert member.get("/messages/list/").status_code == 200
    assert member.get("/Messages/list").status_code == 404


def test_the_status_contains_the_database_and_redis(chat: Any, client: httpx.Client) -> None:
    """It does not require a session."""
    response = client.get("/status")

    assert response.status_code == 200
    status = response.json()
    keys = ["name", "pid", "version", "uptime", "consumedMemoryMB", "healthy", "checks"]
    assert list(status) == keys
    assert status["checks"] == {"database": True, "redis": True}
    assert status["healthy"] is True
    assert type(status["pid"]) is type(status["uptime"]) is int
    assert status["uptime"] > 0
    assert status["consumedMemoryMB"] == round(status["consumedMemoryMB"], 2) > 0
    assert (status["name"], type(status["version"])) == ("actionhero", str)


def test_json_is_formatted_according_to_the_error_format(
    client: httpx.Client, error_format: str
) -> None:
    """It is compact, or indented by two spaces and terminated by a newline."""
    content = client.get("/status").content

    assert content.startswith(b'{"name":' if error_format == "standard" else b'{\n  "name": ')
    assert content.endswith(b"}" if error_format == "standard" else b"}\r\n")


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "detail"),
    [
        ("PUT", "/user", {"name": "ab"}, 422, None),
        ("GET", "/messages/list", None, 401, "Session not found"),
        ("PUT", "/session", {"email": "x@y.z", "password": "a" * 8}, 401, None),
        ("GET", "/nowhere", None, 404, "Action not found"),
        ("PATCH", "/user", None, 405, None),
    ],
)
def test_problem_details_are_sent_on_request(
    client: httpx.Client,
    method: str,
    path: str,
    document: object,
    status: int,
    detail: str | None,
) -> None:
    """The status is the standard one in both error formats (RFC 9457)."""
    headers = {"Accept": "application/problem+json"}

    response = client.request(method, path, json=document, headers=headers)

    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"]) == (status, status)
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert "error" not in problem
    assert detail is None or problem["detail"].startswith(detail)
    if status == 422:
        pointers = [one["pointer"] for one in problem["errors"]]
        assert pointers == ["/name", "/email", "/password"]


def test_not_found_and_conflict_are_problem_details_too(
    member: httpx.Client, user: dict[str, Any]
) -> None:
    """Statuses that are 500 in the format `actionhero` are 404 and 409 here."""
    headers = {"Accept": "application/problem+json"}
    inputs = {"name": "Ada", "email": user["email"], "password": "correct horse"}

    missing = member.get("/user/2000000000", headers=headers)
    conflict = member.put("/user", json=inputs, headers=headers)

    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "User with id 2000000000 not found",
    )
    assert (conflict.status_code, conflict.json()["detail"]) == (409, "User already exists")
