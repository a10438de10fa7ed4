"""JSON bodies: what is read, what is refused, and how much."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugins.web.tests.wire.conftest import Answer, Door, Serve

MALFORMED = "CONNECTION_REQUEST_MALFORMED"


def post(
    door: Door, body: bytes | Iterable[bytes], content_type: str = "application/json", **more: str
) -> Answer:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return door.send("POST", "/api/echo", body, {"Content-Type": content_type, **headers})


def assert_refused(answer: Answer, door: Door, status: int, kind: str = MALFORMED) -> None:
    assert answer.status == status
    assert answer.error["type"] == (kind if door.profile == "standard" else "CONNECTION_ACTION_RUN")
    assert "key" not in answer.error
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
        "application/json; charset=utf8; profile=x", "application/vnd.api+json",
        "application/problem+json", "application/geo+JSON; charset=utf-8", "  application/json ",
    ],
)  # fmt: skip
def test_every_media_type_of_json_is_read(door: Door, content_type: str) -> None:
    """`application/json` and whatever ends in `+json`, in any case, with parameters."""
    assert post(door, b'{"text": "h\xc3\xa4"}', content_type).json == {"text": "hä"}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "text/json", "application/jsonp", "json", "x", "*/*",
     "application/octet-stream", "application/json; charset=latin-1",
     "application/json; charset=utf-16", "application/x-www-form-urlencoded; charset=iso-8859-1"],
)  # fmt: skip
def test_other_media_types_and_charsets_are_415(door: Door, content_type: str) -> None:
    """What we do not read is refused, not ignored."""
    assert_refused(post(door, b'{"text": "x"}', content_type), door, 415, "CONNECTION_MEDIA_TYPE")


def test_a_body_without_a_media_type_is_415_and_says_what_to_send(door: Door) -> None:
    """Nobody guesses what it may be."""
    answer = door.send("POST", "/api/echo", b'{"text": "x"}')

    assert_refused(answer, door, 415, "CONNECTION_MEDIA_TYPE")
    assert answer.error["message"] == "the body has no Content-Type; send application/json"


def test_an_absent_or_empty_body_is_an_empty_object(door: Door) -> None:
    """With any media type or none, by length or chunked; missing inputs are then told."""
    json = {"Content-Type": "application/json"}
    absent = [
        door.send("POST", "/api/echo"),
        door.send("POST", "/api/echo", None, json),
        door.send("POST", "/api/echo", b"", json),
        door.send("POST", "/api/echo", [], json),
        door.send("POST", "/api/echo", b"", {"Content-Type": "text/plain"}),
        door.send("POST", "/api/echo", []),
        door.send("DELETE", "/api/echo"),
    ]
    missing = door.send("PUT", "/api/account", b"", json)

    assert [answer.json for answer in absent] == [{}] * len(absent)
    assert missing.status == (422 if door.profile == "standard" else 406)
    assert missing.error["message"] == "Missing required param: name"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1", b"true", b'[{"text": "x"}]'])
@pytest.mark.parametrize(
    "target", ["/api/echo", "/api/echo?number=1", "/api/nothing", "/api/give/int"]
)
def test_a_body_that_is_no_object_is_400(door: Door, body: bytes, target: str) -> None:
    """An array, a text, null: whatever takes part beside it."""
    answer = door.send("POST", target, body, {"Content-Type": "application/json"})

    assert_refused(answer, door, 400)
    assert answer.error["message"] == "the body must be a JSON object"


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"}", b"{]", b"{'text': 1}", b'{"text": "x"', b'{"text": "x"}}', b'{"text"}', b"   ",
        b'{"text": "x",}', b'{"text": undefined}', b'{"text": "\n"}', b'{"number": 01}', b"\x00",
        b'{"number": +1}', b'{"number": .5}', b'{"number": 1.}', b'{"number": 0x10}', b"\xff\xfe",
        b'\xef\xbb\xbf{"text": "x"}', b'{"text": "\xff"}', b'{"text": "\\x41"}', b'{"text": "x"} x',
        b'{"any": NaN}', b'{"any": Infinity}', b'{"any": -Infinity}', b'{"unknown": NaN}',
        b'{"amount": NaN}', b'{"amount": 1e999}', b'{"any": 1e999}', b'{"any": [NaN]}',
        b'{"text": "\\ud800"}', b'{"unknown": "\\udfff"}', b'{"text": "\\ud800\\ud800"}',
        b'{"text": "\\u0000"}', b'{"unknown": ["\\u0000"]}', b'{"\\u0000": 1}', b'{"text": "\x00"}',
        b'{"text": "x"}'.decode().encode("utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/api/echo", "/api/echo?flag=1"])
def test_malformed_json_is_400(door: Door, body: bytes, target: str) -> None:
    """And nothing of it is repeated in the answer; `NaN`, surrogates and NUL are no JSON."""
    answer = door.send("POST", target, body, {"Content-Type": "application/json"})

    assert_refused(answer, door, 400)


@pytest.mark.parametrize("target", ["/api/echo", "/api/echo?flag=1"])
def test_64_levels_of_nesting_are_read_and_65_are_400(door: Door, target: str) -> None:
    """Counted with the object that the body is."""
    headers = {"Content-Type": "application/json"}

    fits = door.send("POST", target, b'{"any":' + b"[" * 63 + b"]" * 63 + b"}", headers)
    deep = door.send("POST", target, b'{"any":' + b"[" * 64 + b"]" * 64 + b"}", headers)
    bomb = door.send("POST", target, b'{"any":' + b'{"a":' * 500_000, headers)

    assert fits.status == 200
    assert_refused(deep, door, 400)
    assert_refused(bomb, door, 400)


def test_brackets_inside_of_text_are_no_nesting(door: Door) -> None:
    """A text may hold as many as it likes."""
    assert door.post("/api/echo", {"text": "[" * 1000 + '"{' * 10}).status == 200


def test_of_two_equal_keys_the_last_wins(door: Door) -> None:
    """At the top, nested, and beside a query."""
    body = (
        b'{"text": 7, "text": "a", "text": "b", '
        b'"address": {"street": 1, "zip": "123", "street": "x"}}'
    )
    expected = {"text": "b", "address": {"street": "x", "zip": "123"}}

    assert post(door, body).json == expected
    answer = door.send("POST", "/api/echo?flag=1", body, {"Content-Type": "application/json"})
    assert answer.json == {**expected, "flag": True}


def test_integers_beyond_64_bits_are_an_error_of_that_input(door: Door) -> None:
    """For `int` fields; anything else keeps every digit."""
    for number in (2**63, -(2**63) - 1, 10**30, 10**4000):
        answer = post(door, b'{"number": %d}' % number)

        assert answer.status == (422 if door.profile == "standard" else 406)
        assert answer.error["key"] == "number"


def test_a_number_of_too_many_digits_is_refused_cleanly(door: Door) -> None:
    """Where Python's own limit on digits would be met."""
    answer = post(door, b'{"any": ' + b"9" * 100_000 + b"}")

    assert answer.status in {400, 422, 406}


def test_a_body_in_a_get_is_ignored(door: Door) -> None:
    """Nobody defined what it should mean; the connection stays in step."""
    answer = door.send(
        "GET", "/api/echo?text=x", b'{"text": "y"}', {"Content-Type": "application/json"}
    )

    assert answer.json == {"text": "x"}


def test_a_body_in_a_delete_is_read(door: Door) -> None:
    """Like that of every other method."""
    assert door.send("DELETE", "/api/echo", json={"text": "x"}).json == {"text": "x"}


# -- limits, framing, compression ------------------------------------------------------------------


@pytest.fixture
def limited(serve: Serve, door: Door) -> Door:
    """A server that takes bodies of 1000 bytes."""
    return serve(web__body_limit_bytes="1000", web__error_format=door.profile)


def body_of(size: int) -> bytes:
    return b'{"text":"' + b"x" * (size - 11) + b'"}'


def test_a_body_of_the_limit_is_read_and_one_more_byte_is_413(limited: Door) -> None:
    """By `Content-Length`, with the text that clients of the original know."""
    answer = post(limited, body_of(1001))

    assert post(limited, body_of(1000)).status == 200
    assert_refused(answer, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")
    assert answer.error["message"] == (
        "Payload Too Large — body of 1001 bytes exceeds the 1000 byte limit"
    )


def test_a_chunked_body_is_counted_while_it_is_read(limited: Door) -> None:
    """There is no length to believe."""
    answer = post(limited, [body_of(1001)[:500], body_of(1001)[500:]])

    assert post(limited, [body_of(1000)[:500], body_of(1000)[500:]]).status == 200
    assert_refused(answer, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")
    assert answer.error["message"] == "Payload Too Large — body exceeds the 1000 byte limit"


def test_a_large_body_is_413_for_unknown_paths_and_media_types_too(limited: Door) -> None:
    """It is told before the route is looked at; not for methods whose bodies are ignored."""
    unknown = limited.send("POST", "/api/nowhere", b"x" * 2000)
    other = limited.send("POST", "/api/echo", b"x" * 2000, {"Content-Type": "text/plain"})
    form = limited.send(
        "POST", "/api/echo", b"x" * 2000, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    get = limited.send("GET", "/api/echo", b"x" * 2000)
    get_unknown = limited.send("GET", "/api/nowhere", b"x" * 2000)

    assert [answer.status for answer in (unknown, other, form)] == [413, 413, 413]
    assert (get.status, get_unknown.status) == (200, 404)


def test_the_limit_is_10_mib_unless_it_is_set(standard: Door) -> None:
    """A little less is read, a little more is not, and is not even sent."""
    limit = 10 * 1024 * 1024
    announced = (
        b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % (limit + 1)
    )

    fits = post(standard, body_of(limit))
    with standard.connected() as connection:
        connection.sendall(announced)
        refused = connection.recv(65536)

    assert fits.status == 200
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"body of 10485761 bytes exceeds the 10485760 byte limit" in refused


def test_without_a_limit_large_bodies_are_read(serve: Serve) -> None:
    """`web.body_limit_bytes` of 0 is no limit."""
    assert post(serve(web__body_limit_bytes="0"), body_of(11 * 1024 * 1024)).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_read(door: Door, encoding: str) -> None:
    """As it is when expanded."""
    body = b'{"text": "expanded"}'
    sent = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)

    assert post(door, sent, Content_Encoding=encoding).json == {"text": "expanded"}
    assert post(door, [sent[:9], sent[9:]], Content_Encoding=encoding).json == {"text": "expanded"}


def test_a_compressed_body_counts_by_its_expanded_size(limited: Door) -> None:
    """A hundred bytes may be a hundred thousand."""
    fits = post(limited, gzip.compress(body_of(1000)), Content_Encoding="gzip")
    large = post(limited, gzip.compress(body_of(1001)), Content_Encoding="gzip")

    assert fits.status == 200
    assert_refused(large, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b"\x00" * (16 * 1024 * 1024)
    return b"".join(packer.compress(piece) for _ in range(64)) + packer.flush()


def test_a_bomb_costs_no_memory(standard: Door, bomb: bytes) -> None:
    """It is 413 as soon as the limit is reached."""
    post(standard, body_of(10 * 1024 * 1024))
    before = standard.most_memory_kib()

    answer = post(standard, bomb, Content_Encoding="gzip")

    assert answer.status == 413
    assert standard.most_memory_kib() - before < 40 * 1024


@pytest.mark.parametrize("target", ["/api/echo", "/api/nowhere", "/api/status", "/page"])
def test_a_bomb_is_not_expanded_only_to_be_thrown_away(
    standard: Door, bomb: bytes, target: str
) -> None:
    """Whoever answers without having read it; others are not held up."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    before = standard.processor_seconds()

    for method in ("POST", "GET"):
        with suppress(ConnectionError):
            standard.send(method, target, bomb, headers)

    assert standard.is_alive
    # All of it takes more than two seconds, twice.
    assert standard.processor_seconds() - before < 1.5


@pytest.mark.parametrize(
    "sent",
    [b"not gzip at all", gzip.compress(b'{"text": "x"}')[:-14], gzip.compress(b"{}")[:5],
     gzip.compress(b'{"text": "x"}')[:12] + b"\xff" * 20],
    ids=["plain", "cut", "head", "garbage"],
)  # fmt: skip
@pytest.mark.parametrize("chunked", [False, True])
def test_a_broken_compressed_body_is_400(door: Door, sent: bytes, *, chunked: bool) -> None:
    """Whatever the decompressor says of it."""
    answer = post(door, [sent] if chunked else sent, Content_Encoding="gzip")

    assert_refused(answer, door, 400)


def test_an_unknown_compression_is_refused(door: Door) -> None:
    """The bytes are no JSON to us."""
    assert post(door, b'{"text": "x"}', Content_Encoding="rot13").status in {200, 400, 415}
    assert post(door, b"\x01\x02", Content_Encoding="rot13").status in {400, 415}


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"\r\n\r\n",
     b"2 \x00\r\n{}\r\n0\r\n\r\n"],
)  # fmt: skip
def test_broken_chunks_are_400(parser: Door, body: bytes) -> None:
    """With either of aiohttp's parsers, in our envelope, and the connection ends."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    received = parser.raw(head + body)

    assert received.split()[1] == b"400"
    assert b'{"error":{"message":' in received
    assert b"Traceback" not in received
    assert parser.is_alive


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(door: Door) -> None:
    """`Expect: 100-continue` is answered before the body is there."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with door.connected() as connection:
        connection.sendall(head)
        asked = connection.recv(65536)
        connection.sendall(b'{"text": "x"}')
        answer = connection.recv(65536)

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_asks_before_it_sends_too_much_is_refused_at_once(limited: Door) -> None:
    """Without the body being asked for."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1300\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with limited.connected() as connection:
        connection.sendall(head)

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_broken_body_that_nobody_reads_is_no_error_in_the_log(door: Door) -> None:
    """The answer was given; what a client did wrong is not ours to complain about."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    door.new_in_log()

    answers = [
        door.send(method, target, b"not gzip", headers)
        for method, target in (("GET", "/api/echo"), ("GET", "/livez"), ("PUT", "/api/status"))
    ]

    assert [answer.status for answer in answers][:2] == [200, 200]
    assert door.is_alive
    assert "ERROR" not in door.new_in_log()
