"""A password is in no answer, in no line of the log, and in no row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

SECRET = "Xq7-never-tell-Zp9"
JSON = {"Content-Type": "application/json"}

#: Ways in which somebody may send it that end well, or not.
SENT: dict[str, dict[str, Any]] = {
    "alone": {"json": {"password": SECRET}},
    "whole": {"json": {"name": "Ada", "email": "EMAIL", "password": SECRET}},
    "bad neighbour": {"json": {"name": "a", "email": "EMAIL", "password": SECRET}},
    "too long": {"json": {"name": "Ada", "email": "EMAIL", "password": SECRET * 20}},
    "in a list": {"json": {"name": "Ada", "email": "EMAIL", "password": [SECRET]}},
    "nested": {"json": {"name": "Ada", "email": "EMAIL", "password": {"a": [{"b": SECRET}]}}},
    "as a key": {"json": {"name": "Ada", "email": "EMAIL", "password": {SECRET: 1}}},
    "broken json": {"content": f'{{"password": "{SECRET}"'.encode(), "headers": JSON},
    "trailing": {"content": f'{{"password": "{SECRET}"}}}}'.encode(), "headers": JSON},
    "bare": {"content": f'{{"password": {SECRET}}}'.encode(), "headers": JSON},
    "surrogate": {
        "content": f'{{"email": "a@b.c", "password": "{SECRET}\\ud800"}}'.encode(),
        "headers": JSON,
    },
    "nul": {"content": f'{{"password": "{SECRET}\\u0000"}}'.encode(), "headers": JSON},
    "twice": {
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


@pytest.mark.parametrize("way", SENT)
def test_a_password_is_told_nowhere(chat: Any, member: httpx.Client, email: str, way: str) -> None:
    """However it is sent: right, wrong or broken; the log is as talkative as it can be."""
    sent = {
        key: json.loads(json.dumps(value).replace("EMAIL", email)) if key in {"json"} else value
        for key, value in SENT[way].items()
    }
    if "data" in sent and "email" in sent["data"]:
        sent["data"] = {**sent["data"], "email": email}

    for method, path in (("PUT", "/user"), ("PUT", "/session"), ("POST", "/user")):
        for accept in ("*/*", "application/problem+json"):
            headers = {**sent.get("headers", {}), "Accept": accept}
            request: dict[str, Any] = {**sent, "headers": headers}
            answer = member.request(method, path, **request)

            assert answer.status_code < 500 or answer.json()["error"]["message"] in {
                "User already exists",
                "Invalid email or password",
                "Error: No values to set",
            }
            assert SECRET not in answer.text
            assert SECRET not in str(answer.headers)
    # Lines are written in order: once the last one is there, so is all that came before.
    chat.wait_for(member.get("/status").headers["x-request-id"])
    assert SECRET not in chat.said


def test_a_password_is_kept_nowhere(chat: Any, sign_up: Callable[..., Any]) -> None:
    """There is its hash, made with a salt of its own."""
    users = [sign_up(password=SECRET) for _ in range(2)]

    ids = ", ".join(str(user["id"]) for user in users)
    rows = chat.execute(f"SELECT * FROM users WHERE id IN ({ids})")

    assert len(rows) == 2
    assert SECRET not in str(rows)
    hashes = {value for row in rows for value in row if str(value).startswith("$argon2id$")}
    assert len(hashes) == 2


def test_a_failure_of_the_database_tells_nothing_of_it(
    chat: Any, browser: httpx.Client, email: str
) -> None:
    """Neither what was asked, nor with which values, whatever a text is made of."""
    for name in ("'; DROP TABLE users; --", "%s %(a)s ? $1", "\\x00", "${jndi:x}"):
        told = {"name": name, "email": f"{len(name)}{email}", "password": SECRET}
        answer = browser.put("/user", json=told)

        assert (answer.status_code, answer.json()["user"]["name"]) == (200, name)
    assert chat.execute("SELECT count(*) FROM users")[0][0] > 1
