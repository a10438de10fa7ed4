"""Messages: written, read, listed, and removed when they are old."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

WRITTEN = {"id", "body", "user_id", "createdAt", "updatedAt"}


def write(member: httpx.Client, body: str) -> dict[str, Any]:
    answer = member.put("/message", json={"body": body})
    assert answer.status_code == 200, answer.text
    message: dict[str, Any] = answer.json()["message"]
    return message


@pytest.mark.parametrize("body", ["a", "a" * 1000, "🎉" * 1000, "  ", "<b>\n\t\x7f", "{0}"])
def test_a_message_is_written_and_read(
    member: httpx.Client, user: dict[str, Any], body: str
) -> None:
    """As it was written, with the name of who wrote it."""
    answer = member.put("/message", json={"body": body})

    assert answer.status_code == 200
    assert set(answer.json()) == {"message"}
    message = answer.json()["message"]
    assert set(message) == WRITTEN
    assert (message["body"], message["user_id"]) == (body, user["id"])
    assert all(type(message[key]) is int for key in WRITTEN - {"body"})
    assert message["createdAt"] == message["updatedAt"] >= user["createdAt"]
    read = member.get(f"/message/{message['id']}")
    assert read.status_code == 200
    assert read.json() == {"message": {**message, "user_name": user["name"]}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Message body is required"),
        ("a" * 1001, "Message must be less than 1000 characters"),
        (None, "Invalid input: expected string, received null"),
        (7, "Invalid input: expected string, received number"),
        (True, "Invalid input: expected string, received boolean"),
        (["a"], "Invalid input: expected string, received array"),
        ({"a": 1}, "Invalid input: expected string, received object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_message_that_does_not_fit_is_refused(
    member: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
    value: object,
    message: str,
) -> None:
    """What is told of its value ends after a thousand characters."""
    told = value[:1000] if isinstance(value, str) else value

    for one in (member, open_browser()):
        answer = one.put("/message", json={"body": value})

        refused(answer, "invalid", message, key="body", value=told)


def test_a_message_needs_a_body_and_a_writer(
    member: httpx.Client, open_browser: Callable[[], httpx.Client], refused: Callable[..., Any]
) -> None:
    """What is missing is told first, then who is."""
    missing = "Missing required param: body"
    refused(member.put("/message", json={}), "invalid", missing, key="body")
    refused(open_browser().put("/message"), "invalid", missing, key="body")
    answer = open_browser().put("/message", json={"body": "hello"})
    refused(answer, "anonymous", "Session not found")


def test_messages_are_listed_the_newest_first_with_their_writers(
    member: httpx.Client, sign_up: Callable[..., Any], open_browser: Callable[[], httpx.Client]
) -> None:
    """Page by page."""
    other, grace = open_browser(), sign_up(name="Grace")
    other.put("/session", json={"email": grace["email"], "password": "correct horse"})
    mine = [write(member, f"mine {number}") for number in range(2)]
    theirs = [write(other, f"theirs {number}") for number in range(2)]
    total = member.get("/messages/list").json()["pagination"]["total"]

    answer = member.get("/messages/list", params={"page": 1, "limit": 3})

    assert answer.status_code == 200
    assert set(answer.json()) == {"messages", "pagination"}
    assert answer.json()["messages"] == [
        {**theirs[1], "user_name": "Grace"},
        {**theirs[0], "user_name": "Grace"},
        {**mine[1], "user_name": "Ada Lovelace"},
    ]
    pages = (total + 2) // 3
    told = answer.json()["pagination"]
    assert told == {"page": 1, "limit": 3, "total": total, "pages": pages}
    second = member.get("/messages/list?page=2&limit=3").json()
    assert second["messages"][0] == {**mine[0], "user_name": "Ada Lovelace"}
    assert second["pagination"] == {**told, "page": 2}
    last = member.get("/messages/list", params={"page": pages, "limit": 3}).json()["messages"]
    assert len(last) == total - 3 * (pages - 1)


@pytest.mark.parametrize("page", [10_000, 2**53 - 1])
def test_a_page_past_the_end_is_empty(member: httpx.Client, page: int) -> None:
    """It is no fault to look there."""
    answer = member.get("/messages/list", params={"page": page})

    assert (answer.status_code, answer.json()["messages"]) == (200, [])
    assert answer.json()["pagination"]["page"] == page


def test_a_page_has_ten_messages_if_nobody_says_otherwise(member: httpx.Client) -> None:
    """And it is the first."""
    for number in range(11):
        write(member, str(number))

    told = member.get("/messages/list").json()

    assert (told["pagination"]["page"], told["pagination"]["limit"]) == (1, 10)
    assert [message["body"] for message in told["messages"]] == [str(n) for n in range(10, 0, -1)]
    assert len(member.get("/messages/list?limit=100").json()["messages"]) >= 11
    assert len(member.get("/messages/list?limit=1").json()["messages"]) == 1


SMALL = "Too small: expected number to be >=1"
NOT_A_NUMBER = "Invalid input: expected number, received NaN"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("page", "0", SMALL),
        ("page", "-1", SMALL),
        ("page", "abc", NOT_A_NUMBER),
        ("page", "9007199254740992", "Too big: expected number to be <=9007199254740991"),
        ("limit", "0", SMALL),
        ("limit", "101", "Too big: expected number to be <=100"),
        ("limit", "many", NOT_A_NUMBER),
        ("limit", "1e400", NOT_A_NUMBER),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    member: httpx.Client,
    open_browser: Callable[[], httpx.Client],
    refused: Callable[..., Any],
    key: str,
    value: str,
    message: str,
) -> None:
    """It says which of the two numbers, and how large it may be."""
    for one in (member, open_browser()):
        answer = one.get("/messages/list", params={key: value})

        refused(answer, "invalid", message, key=key, value=value)


@pytest.mark.parametrize("value", ["1.5", "9" * 40, "9" * 5000, "", " ", "true"])
def test_what_is_no_whole_number_is_no_page(member: httpx.Client, profile: str, value: str) -> None:
    """Whatever it is, it is a fault of the inputs and not ours."""
    answer = member.get("/messages/list", params={"page": value})

    assert answer.status_code == (422 if profile == "standard" else 406)
    assert answer.json()["error"]["key"] == "page"


def test_both_numbers_of_a_page_are_told(member: httpx.Client, refused: Callable[..., Any]) -> None:
    """The first is in `message`, all are in `errors`."""
    answer = member.get("/messages/list?limit=0&page=0")

    error = refused(answer, "invalid", SMALL, key="page", value="0")
    assert [problem["pointer"] for problem in error["errors"]] == ["/page", "/limit"]


def test_a_stranger_reads_nothing(
    member: httpx.Client, open_browser: Callable[[], httpx.Client], refused: Callable[..., Any]
) -> None:
    """Neither the list, nor one that is there."""
    message = write(member, "for members")

    refused(open_browser().get("/messages/list"), "anonymous", "Session not found")
    refused(open_browser().get(f"/message/{message['id']}"), "anonymous", "Session not found")


@pytest.mark.parametrize("name", ["messages:cleanup", "messages:hello"])
def test_what_is_for_the_operator_has_no_door_on_the_street(
    member: httpx.Client, refused: Callable[..., Any], name: str
) -> None:
    """There is no route to it, whatever is tried."""
    for path in (name, name.replace(":", "/"), name.replace(":", "%3A")):
        for method in ("GET", "POST", "PUT", "DELETE"):
            refused(member.request(method, f"/{path}"), "no action", "Action not found")


def test_the_operator_removes_what_is_old(chat: Any, member: httpx.Client) -> None:
    """What was written since stays."""
    old, new = write(member, "old"), write(member, "new")
    chat.execute(
        f"UPDATE messages SET created_at = '2001-01-01 00:00:00+00:00' WHERE id = {old['id']}"
    )

    ended = chat.run("call", "messages:cleanup", "--age", "3600000")

    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"messagesDeleted": 1})
    told = member.get("/messages/list").json()["messages"]
    assert new["id"] in {message["id"] for message in told}
    assert old["id"] not in {message["id"] for message in told}


def test_the_operator_is_told_how_young_a_message_may_be(
    sites: Callable[[str, str], Any], storage: str
) -> None:
    """A second is the least."""
    ended = sites(storage, "standard").run("call", "messages:cleanup", "--age", "999")

    assert (ended.returncode, ended.stdout) == (65, "")
    assert "Too small: expected number to be >=1000" in ended.stderr


def test_the_operator_lets_everybody_hear_what_time_it_is(chat: Any, member: httpx.Client) -> None:
    """In UTC, to the millisecond; it is a message of Admin like any other."""
    ended = chat.run("call", "messages:hello")

    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)["message"]
    assert re.fullmatch(r"Hello! The current time is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told)
    newest = member.get("/messages/list").json()["messages"][0]
    assert (newest["body"], newest["user_name"]) == (told, "Admin")
