"""What an action may return: values of all kinds, statuses, and aiohttp's own responses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Door

VALUES: dict[str, Any] = {
    "none": {},
    "text": 'häll😀 "quoted"',
    "empty": {},
    "list": [1, "two", None, 3.5, True],
    "int": 42,
    "zero": 0,
    "false": False,
    "float": 0.1,
    "nan": [None, None],
    "big": 2**70,
    "model": {"name": "Ada", "born": "1815-12-10", "homeTown": "London"},
    "models": {"people": [{"name": "Ada", "born": "1815-12-10", "homeTown": "London"}]},
    "dataclass": {"x": 1, "y": 2},
    "datetime": "2024-05-06T07:08:09Z",
    "odd": {
        "uuid": "00000000-0000-0000-0000-000000000007", "decimal": "1.50", "enum": "small",
        "day": "2024-01-02", "tuple": [1, 2], "set": [3],
    },
    "surrogate": {"text": "a�b"},
    "surrogate-model": {"name": "a�b", "born": "1815-12-10", "homeTown": "London"},
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_what_pydantic_can_serialise_is_told_as_json(door: Door, what: str) -> None:
    """Without any wrapper; nothing at all is an empty object."""
    answer = door.get(f"/api/give/{what}")

    assert answer.status == 200
    assert answer.json == VALUES[what]
    assert type(answer.json) is type(VALUES[what])


def test_values_are_compact_and_in_profile_actionhero_indented(
    standard: Door, original: Door
) -> None:
    """Two spaces, and CRLF at the very end."""
    assert standard.get("/api/give/dataclass").body == b'{"x":1,"y":2}'
    assert original.get("/api/give/dataclass").body == b'{\n  "x": 1,\n  "y": 2\n}\r\n'
    assert original.get("/api/give/none").body == b"{}\r\n"
    assert standard.get("/api/give/text").body == '"häll😀 \\"quoted\\""'.encode()


@pytest.mark.parametrize("what", ["opaque", "nested-opaque", "itself"])
def test_what_cannot_be_serialised_is_a_clean_500(door: Door, what: str) -> None:
    """The log says what it was; the client only that it failed."""
    answer = door.get(f"/api/give/{what}")

    assert answer.status == 500
    assert answer.error["type"] == "CONNECTION_ACTION_RUN"
    assert answer.error["message"] == "Internal error"
    assert "cannot be written as JSON" in answer.error["stack"]
    assert door.get("/api/user/me").status == 200


def test_a_stream_is_told_as_events(door: Door) -> None:
    """Whoever wants a list has an action that returns one."""
    answer = door.get("/api/stream")

    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_success_is_200_or_what_the_route_says(door: Door) -> None:
    """`Route.put("/created", status=201)`; any number that HTTP allows."""
    created = door.send("PUT", "/api/created")
    odd = door.send("PATCH", "/api/created")

    assert (created.status, created.json) == (201, {"created": True})
    assert (odd.status, odd.json) == (299, {"created": True})


@pytest.mark.parametrize(("method", "status"), [("DELETE", 204), ("POST", 205)])
def test_a_status_that_has_no_body_has_none(door: Door, method: str, status: int) -> None:
    """The next answer on the connection begins where it should."""
    first = f"{method} /api/created HTTP/1.1\r\nHost: x\r\n\r\n"
    second = "GET /api/user/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    received = door.raw((first + second).encode())

    head, rest = received.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: " not in head
    assert b"X-Request-Id" in head
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_route_may_choose_its_status_by_the_value(standard: Door, original: Door) -> None:
    """And in profile `actionhero` it is 200 all the same."""
    assert standard.get("/api/chosen/202").status == 202
    assert standard.get("/api/chosen/503").status == 503
    assert standard.get("/api/chosen/204").body == b""
    assert original.get("/api/chosen/503").status == 200


@pytest.mark.parametrize("what", ["99", "600", "100", "nonsense", "-1"])
def test_a_status_that_cannot_be_answered_is_a_clean_500(standard: Door, what: str) -> None:
    """A fault of the action's author, told like any other."""
    answer = standard.get(f"/api/chosen/{what}")

    assert answer.status == 500
    assert answer.error["message"] == "Internal error"
    assert "cannot be answered" in answer.error["stack"]


def test_a_response_of_aiohttp_is_answered_as_it_is(door: Door) -> None:
    """With its own status, type and bytes."""
    text, teapot = door.get("/api/raw/text"), door.get("/api/raw/teapot")

    assert (text.status, text.body) == (200, b"plain <b>text</b>")
    assert text.header("Content-Type") == "text/plain; charset=utf-8"
    assert (teapot.status, teapot.body) == (418, b"\x00\xff")


def test_our_headers_are_added_to_it_and_its_own_win(door: Door) -> None:
    """Whoever wrote a header meant it."""
    answer = door.get("/api/raw/headers")

    assert answer.all("X-Frame-Options") == ["SAMEORIGIN"]
    assert answer.all("X-Mine") == ["yes"]
    assert answer.all("X-Request-Id") == ["my"]
    assert answer.all("X-Content-Type-Options") == ["nosniff"]
    assert answer.all("Server") == ["actionhero"]


def test_a_redirect_is_answered(door: Door) -> None:
    """By returning it."""
    answer = door.get("/api/raw/redirect")

    assert (answer.status, answer.header("Location")) == (302, "/elsewhere")
    assert answer.header("X-Content-Type-Options") == "nosniff"


def test_a_file_is_answered_with_what_aiohttp_knows_of_files(door: Door) -> None:
    """Parts of it, and nothing if it is known."""
    source = (Path(__file__).parent / "wireapp" / "answers.py").read_bytes()
    whole = door.get("/api/raw/file")
    part = door.send("GET", "/api/raw/file", None, {"Range": "bytes=0-9"})
    known = door.send("GET", "/api/raw/file", None, {"If-None-Match": whole.header("ETag") or ""})

    assert whole.body == source
    assert (part.status, part.body) == (206, source[:10])
    assert (known.status, known.body) == (304, b"")
    for answer in (whole, part, known):
        assert answer.header("X-Frame-Options") == "DENY"
        assert answer.header("X-Request-Id")


def test_a_stream_response_is_answered(door: Door) -> None:
    """Chunk by chunk, with our headers."""
    answer = door.get("/api/raw/stream")

    assert answer.status == 200
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.header("X-Frame-Options") == "DENY"


def test_a_raw_answer_keeps_the_connection_in_step(door: Door) -> None:
    """Also after a body that nobody read."""
    post = (
        b"POST /api/raw/text HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Content-Type: application/json\r\n\r\n{}"
    )
    get = b"GET /api/user/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    received = door.raw(post + get)

    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert received.rstrip().endswith(b'"me"')


# -- call.connection.raw --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b' { "text" : "h\xc3\xa4" } \n'),
        ("application/x-www-form-urlencoded", b"text=a+b&number=%37"),
        ("application/json", b"{}" + b" " * 100_000),
    ],
)
def test_the_request_has_the_body_as_it_was_sent(
    door: Door, content_type: str, body: bytes
) -> None:
    """For the signature of a webhook: every byte counts, and it can be read again."""
    headers = {"Content-Type": content_type}

    whole = door.send("POST", "/api/webhook", body, headers)
    chunked = door.send("POST", "/api/webhook?flag=1", [body[:5], body[5:]], headers)

    for answer in (whole, chunked):
        assert bytes.fromhex(answer.json["body"]) == body
        assert answer.json["again"] == answer.json["body"]


def test_the_request_has_the_body_of_a_get_too(door: Door) -> None:
    """Ignored by us, there for who wants it."""
    assert bytes.fromhex(door.send("GET", "/api/webhook", b"odd").json["body"]) == b"odd"


def test_the_request_without_a_body_has_none(door: Door) -> None:
    """And does not wait for one."""
    assert door.send("POST", "/api/webhook").json == {"body": "", "again": ""}


def test_a_signature_can_be_checked(standard: Door) -> None:
    """As the senders of webhooks make it."""
    body = json.dumps({"text": "paid", "unknown": [1, 2]}, indent=3).encode()

    answer = standard.send("POST", "/api/webhook", body, {"Content-Type": "application/json"})

    received = bytes.fromhex(answer.json["body"])
    assert hashlib.sha256(received).digest() == hashlib.sha256(body).digest()
