"""Tests of creating, reading, listing and deleting messages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

MESSAGE_KEYS = {"id", "body", "user_id", "createdAt", "updatedAt"}


def create_message(member: httpx.Client, body: str) -> dict[str, Any]:
    response = member.put("/message", json={"body": body})
    assert response.status_code == 200, response.text
    message: dict[str, Any] = response.json()["message"]
    return message


@pytest.mark.parametrize("body", ["a", "a" * 1000, "🎉" * 1000, "  ", "<b>\n\t\x7f", "{0}"])
def test_messages_are_created_and_read(
    member: httpx.Client, user: dict[str, Any], body: str
) -> None:
    """The body is unchanged, and a read message contains the name of its author."""
    response = member.put("/message", json={"body": body})

    assert response.status_code == 200
    assert set(response.json()) == {"message"}
    message = response.json()["message"]
    assert set(message) == MESSAGE_KEYS
    assert (message["body"], message["user_id"]) == (body, user["id"])
    assert all(type(message[key]) is int for key in MESSAGE_KEYS - {"body"})
    assert message["createdAt"] == message["updatedAt"] >= user["createdAt"]
    response = member.get(f"/message/{message['id']}")
    assert response.status_code == 200
    assert response.json() == {"message": {**message, "user_name": user["name"]}}


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
def test_invalid_messages_are_rejected(
    member: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
    value: object,
    message: str,
) -> None:
    """The value in the error is truncated to a thousand characters. A stranger sees no error."""
    reported = value[:1000] if isinstance(value, str) else value

    response = member.put("/message", json={"body": value})
    anonymous = open_client().put("/message", json={"body": value})

    assert_error(response, "invalid", message, key="body", value=reported)
    assert_error(anonymous, "anonymous", "Session not found")


def test_messages_require_a_body_and_a_session(
    member: httpx.Client, open_client: Callable[[], httpx.Client], assert_error: Callable[..., Any]
) -> None:
    """The session is checked before inputs are validated."""
    missing = "Missing required param: body"
    assert_error(member.put("/message", json={}), "invalid", missing, key="body")
    assert_error(open_client().put("/message"), "anonymous", "Session not found")
    response = open_client().put("/message", json={"body": "hello"})
    assert_error(response, "anonymous", "Session not found")


def test_messages_are_listed_newest_first_with_their_authors(
    member: httpx.Client, sign_up: Callable[..., Any], open_client: Callable[[], httpx.Client]
) -> None:
    """The list is paginated."""
    other, grace = open_client(), sign_up(name="Grace")
    other.put("/session", json={"email": grace["email"], "password": "correct horse"})
    own = [create_message(member, f"own {number}") for number in range(2)]
    others = [create_message(other, f"other {number}") for number in range(2)]
    total = member.get("/messages/list").json()["pagination"]["total"]

    response = member.get("/messages/list", params={"page": 1, "limit": 3})

    assert response.status_code == 200
    assert set(response.json()) == {"messages", "pagination"}
    assert response.json()["messages"] == [
        {**others[1], "user_name": "Grace"},
        {**others[0], "user_name": "Grace"},
        {**own[1], "user_name": "Ada Lovelace"},
    ]
    pages = (total + 2) // 3
    pagination = response.json()["pagination"]
    assert pagination == {"page": 1, "limit": 3, "total": total, "pages": pages}
    second = member.get("/messages/list?page=2&limit=3").json()
    assert second["messages"][0] == {**own[0], "user_name": "Ada Lovelace"}
    assert second["pagination"] == {**pagination, "page": 2}
    last = member.get("/messages/list", params={"page": pages, "limit": 3}).json()["messages"]
    assert len(last) == total - 3 * (pages - 1)


@pytest.mark.parametrize("page", [10_000, 2**53 - 1])
def test_pages_past_the_end_are_empty(member: httpx.Client, page: int) -> None:
    """They are not an error."""
    response = member.get("/messages/list", params={"page": page})

    assert (response.status_code, response.json()["messages"]) == (200, [])
    assert response.json()["pagination"]["page"] == page


def test_the_default_page_is_the_first_with_ten_messages(member: httpx.Client) -> None:
    """The limit can be between 1 and 100."""
    for number in range(11):
        create_message(member, str(number))

    result = member.get("/messages/list").json()

    assert (result["pagination"]["page"], result["pagination"]["limit"]) == (1, 10)
    assert [message["body"] for message in result["messages"]] == [str(n) for n in range(10, 0, -1)]
    assert len(member.get("/messages/list?limit=100").json()["messages"]) >= 11
    assert len(member.get("/messages/list?limit=1").json()["messages"]) == 1


SMALL = "Too small: expected number to be >=1"
NOT_A_NUMBER = "Invalid input: expected number, received NaN"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("page", "0", SMALL),
        ("page", "-1", SMALL),
        ("page", " ", SMALL),
        ("page", "abc", NOT_A_NUMBER),
        ("page", "1.5", "Invalid input: expected int, received number"),
        ("page", "9007199254740992", "Too big: expected number to be <=9007199254740991"),
        ("limit", "0", SMALL),
        ("limit", "101", "Too big: expected number to be <=100"),
        ("limit", "many", NOT_A_NUMBER),
        ("limit", "1e400", NOT_A_NUMBER),
    ],
)
def test_invalid_pages_are_rejected(
    member: httpx.Client,
    open_client: Callable[[], httpx.Client],
    assert_error: Callable[..., Any],
    key: str,
    value: str,
    message: str,
) -> None:
    """The error contains the field and its limit. A stranger sees neither."""
    response = member.get("/messages/list", params={key: value})
    anonymous = open_client().get("/messages/list", params={key: value})

    assert_error(response, "invalid", message, key=key, value=value)
    assert_error(anonymous, "anonymous", "Session not found")


@pytest.mark.parametrize("value", ["1.5", "9" * 40, "9" * 5000, " ", "true"])
def test_pages_that_are_not_integers_are_rejected(
    member: httpx.Client, error_format: str, value: str
) -> None:
    """Every such value is a client error."""
    response = member.get("/messages/list", params={"page": value})

    assert response.status_code == (422 if error_format == "standard" else 406)
    assert response.json()["error"]["key"] == "page"


def test_an_empty_page_is_the_first(member: httpx.Client) -> None:
    """An empty text is no number, so the field is absent."""
    response = member.get("/messages/list", params={"page": "", "limit": ""})

    assert response.status_code == 200
    assert (response.json()["pagination"]["page"], response.json()["pagination"]["limit"]) == (
        1,
        10,
    )


def test_errors_of_both_page_fields_are_reported(
    member: httpx.Client, assert_error: Callable[..., Any]
) -> None:
    """`message` contains the first, `errors` all of them."""
    response = member.get("/messages/list?limit=0&page=0")

    error = assert_error(response, "invalid", SMALL, key="page", value="0")
    assert [each["pointer"] for each in error["errors"]] == ["/page", "/limit"]


def test_messages_require_a_session_to_be_read(
    member: httpx.Client, open_client: Callable[[], httpx.Client], assert_error: Callable[..., Any]
) -> None:
    """This applies to the list and to existing messages."""
    message = create_message(member, "for members")

    assert_error(open_client().get("/messages/list"), "anonymous", "Session not found")
    assert_error(open_client().get(f"/message/{message['id']}"), "anonymous", "Session not found")


@pytest.mark.parametrize("name", ["messages:cleanup", "messages:hello"])
def test_operator_actions_have_no_route(member: httpx.Client, name: str) -> None:
    """No path and method calls them."""
    for path in (name, name.replace(":", "/"), name.replace(":", "%3A")):
        for method in ("GET", "POST", "PUT", "DELETE"):
            response = member.request(method, f"/{path}")
            assert response.status_code == 404
            # In development, the message names the request.
            assert response.json()["error"]["message"].startswith("Action not found")


def test_cleanup_deletes_old_messages(chat: Any, member: httpx.Client) -> None:
    """Newer messages are not deleted."""
    old, new = create_message(member, "old"), create_message(member, "new")
    chat.execute(
        f"UPDATE messages SET created_at = '2001-01-01 00:00:00+00:00' WHERE id = {old['id']}"
    )

    process = chat.run("call", "messages:cleanup", "--age", "3600000")

    assert (process.returncode, json.loads(process.stdout)) == (0, {"messagesDeleted": 1})
    ids = {message["id"] for message in member.get("/messages/list").json()["messages"]}
    assert new["id"] in ids
    assert old["id"] not in ids


def test_cleanup_rejects_a_low_age(shared_chats: Callable[[str, str], Any], storage: str) -> None:
    """The minimum is a second."""
    process = shared_chats(storage, "standard").run("call", "messages:cleanup", "--age", "999")

    assert (process.returncode, process.stdout) == (65, "")
    assert "Too small: expected number to be >=1000" in process.stderr


def test_hello_creates_a_message_with_the_current_time(chat: Any, member: httpx.Client) -> None:
    """The time is in UTC with milliseconds, and the author is Admin."""
    process = chat.run("call", "messages:hello")

    assert process.returncode == 0, process.stderr
    greeting = json.loads(process.stdout)["message"]
    assert re.fullmatch(
        r"Hello! The current time is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", greeting
    )
    newest = member.get("/messages/list").json()["messages"][0]
    assert (newest["body"], newest["user_name"]) == (greeting, "Admin")
