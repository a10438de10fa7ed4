"""Passwords are never in a response, in the log or in the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

SECRET = "Xq7-do-not-log-Zp9"
JSON = {"Content-Type": "application/json"}

#: Requests that contain the password, valid and invalid ones.
REQUESTS: dict[str, dict[str, Any]] = {
    "no other field": {"json": {"password": SECRET}},
    "complete": {"json": {"name": "Ada", "email": "EMAIL", "password": SECRET}},
    "invalid other field": {"json": {"name": "a", "email": "EMAIL", "password": SECRET}},
    "too long": {"json": {"name": "Ada", "email": "EMAIL", "password": SECRET * 20}},
    "in a list": {"json": {"name": "Ada", "email": "EMAIL", "password": [SECRET]}},
    "nested": {"json": {"name": "Ada", "email": "EMAIL", "password": {"a": [{"b": SECRET}]}}},
    "as a key": {"json": {"name": "Ada", "email": "EMAIL", "password": {SECRET: 1}}},
    "broken json": {"content": f'{{"password": "{SECRET}"'.encode(), "headers": JSON},
    "trailing data": {"content": f'{{"password": "{SECRET}"}}}}'.encode(), "headers": JSON},
    "unquoted": {"content": f'{{"password": {SECRET}}}'.encode(), "headers": JSON},
    "surrogate": {
        "content": f'{{"email": "a@b.c", "password": "{SECRET}\\ud800"}}'.encode(),
        "headers": JSON,
    },
    "nul": {"content": f'{{"password": "{SECRET}\\u0000"}}'.encode(), "headers": JSON},
    "duplicate key": {
        "content": f'{{"password": "{SECRET}", "password": 7}}'.encode(),
        "headers": JSON,
    },
    "as a form": {"data": {"name": "Ada", "email": "EMAIL", "password": SECRET}},
    "twice in a form": {"data": {"name": "a", "password": [SECRET, SECRET + "2"]}},
    "as a file": {"files": {"password": ("a.txt", SECRET.encode())}, "data": {"name": "Ada"}},
    "named like a file": {"files": {"password": (SECRET, b"a")}, "data": {"name": "Ada"}},
    "in the query": {"params": {"password": SECRET}},
    "twice in the query": {"params": {"password": [SECRET, SECRET]}},
}


@pytest.mark.parametrize("variant", REQUESTS)
def test_passwords_are_not_in_responses_or_logs(
    chat: Any, member: httpx.Client, email: str, variant: str
) -> None:
    """This holds for valid and invalid requests, at the log level DEBUG."""
    arguments = {
        key: json.loads(json.dumps(value).replace("EMAIL", email)) if key in {"json"} else value
        for key, value in REQUESTS[variant].items()
    }
    if "data" in arguments and "email" in arguments["data"]:
        arguments["data"] = {**arguments["data"], "email": email}

    for method, path in (("PUT", "/user"), ("PUT", "/session"), ("POST", "/user")):
        for accept in ("*/*", "application/problem+json"):
            headers = {**arguments.get("headers", {}), "Accept": accept}
            request: dict[str, Any] = {**arguments, "headers": headers}
            response = member.request(method, path, **request)

            assert response.status_code < 500 or response.json()["error"]["message"] in {
                "User already exists",
                "Invalid email or password",
                "Error: No values to set",
            }
            assert SECRET not in response.text
            assert SECRET not in str(response.headers)
    # Log lines are written in order, so after this one all previous ones are complete.
    chat.wait_for(member.get("/status").headers["x-request-id"])
    assert SECRET not in chat.output


def test_passwords_are_not_stored(chat: Any, sign_up: Callable[..., Any]) -> None:
    """The table contains a hash with an individual salt."""
    users = [sign_up(password=SECRET) for _ in range(2)]

    ids = ", ".join(str(user["id"]) for user in users)
    rows = chat.execute(f"SELECT * FROM users WHERE id IN ({ids})")

    assert len(rows) == 2
    assert SECRET not in str(rows)
    hashes = {value for row in rows for value in row if str(value).startswith("$argon2id$")}
    assert len(hashes) == 2


def test_special_characters_in_names_are_stored_literally(
    chat: Any, client: httpx.Client, email: str
) -> None:
    """Names with SQL, format or lookup syntax are ordinary text."""
    for name in ("'; DROP TABLE users; --", "%s %(a)s ? $1", "\\x00", "${jndi:x}"):
        inputs = {"name": name, "email": f"{len(name)}{email}", "password": SECRET}
        response = client.put("/user", json=inputs)

        assert (response.status_code, response.json()["user"]["name"]) == (200, name)
    assert chat.execute("SELECT count(*) FROM users")[0][0] > 1
