"""JSON bodies: their syntax, limits, framing and compression."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

MALFORMED = "CONNECTION_REQUEST_MALFORMED"


def post(
    client: HttpClient,
    body: bytes | Iterable[bytes],
    content_type: str = "application/json",
    **headers: str,
) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.send("POST", "/api/echo", body, {"Content-Type": content_type, **named})


def assert_error(
    response: Response, client: HttpClient, status: int, error_type: str = MALFORMED
) -> None:
    assert response.status == status
    assert response.error["type"] == (
        error_type if client.error_format == "standard" else "CONNECTION_ACTION_RUN"
    )
    assert "key" not in response.error
    assert b"Traceback" not in response.body


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
        "application/json; charset=utf8; profile=x", "application/vnd.api+json",
        "application/problem+json", "application/geo+JSON; charset=utf-8", "  application/json ",
    ],
)  # fmt: skip
def test_every_json_media_type_is_supported(client: HttpClient, content_type: str) -> None:
    """`application/json` and types that end in `+json`, in any case, with parameters."""
    assert post(client, b'{"text": "h\xc3\xa4"}', content_type).json == {"text": "hä"}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "text/json", "application/jsonp", "json", "x", "*/*",
     "application/octet-stream", "application/json; charset=latin-1",
     "application/json; charset=utf-16", "application/x-www-form-urlencoded; charset=iso-8859-1"],
)  # fmt: skip
def test_other_media_types_and_charsets_are_415(client: HttpClient, content_type: str) -> None:
    """They are rejected, and not ignored."""
    assert_error(post(client, b'{"text": "x"}', content_type), client, 415, "CONNECTION_MEDIA_TYPE")


def test_a_body_without_a_media_type_is_415_with_a_remedy(client: HttpClient) -> None:
    """The media type is not guessed."""
    response = client.send("POST", "/api/echo", b'{"text": "x"}')

    assert_error(response, client, 415, "CONNECTION_MEDIA_TYPE")
    assert "no Content-Type; send application/json" in response.error["message"]


def test_an_absent_or_empty_body_is_an_empty_object(client: HttpClient) -> None:
    """With any media type or none, by length or chunked; missing inputs are then an error."""
    json = {"Content-Type": "application/json"}
    absent = [
        client.send("POST", "/api/echo"),
        client.send("POST", "/api/echo", None, json),
        client.send("POST", "/api/echo", b"", json),
        client.send("POST", "/api/echo", [], json),
        client.send("POST", "/api/echo", b"", {"Content-Type": "text/plain"}),
        client.send("POST", "/api/echo", []),
        client.send("DELETE", "/api/echo"),
    ]
    missing = client.send("PUT", "/api/account", b"", json)

    assert [response.json for response in absent] == [{}] * len(absent)
    assert missing.status == (422 if client.error_format == "standard" else 406)
    assert missing.error["message"] == "Missing required param: name"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1", b"true", b'[{"text": "x"}]'])
@pytest.mark.parametrize(
    "target", ["/api/echo", "/api/echo?number=1", "/api/nothing", "/api/value/int"]
)
def test_a_body_other_than_an_object_is_400(client: HttpClient, body: bytes, target: str) -> None:
    """Arrays, texts and null, also together with other sources."""
    response = client.send("POST", target, body, {"Content-Type": "application/json"})

    assert_error(response, client, 400)
    assert response.error["message"] == "the body must be a JSON object"


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"}", b"{]", b"{'text': 1}", b'{"text": "x"', b'{"text": "x"}}', b'{"text"}', b"   ",
        b'{"text": "x",}', b'{"text": undefined}', b'{"text": "\n"}', b'{"number": 01}', b"\x00",
        b'{"number": +1}', b'{"number": .5}', b'{"number": 1.}', b'{"number": 0x10}', b"\xff\xfe",
        b'\xef\xbb\xbf{"text": "x"}', b'{"text": "\xff"}', b'{"text": "\\x41"}', b'{"text": "x"} x',
        b'{"any": NaN}', b'{"any": Infinity}', b'{"any": -Infinity}', b'{"unknown": NaN}',
        b'{"amount": NaN}', b'{"any": [NaN]}', b'{"text": "\x00"}',
        b'{"text": "\\ud800", "any": NaN}',
        b'{"text": "x"}'.decode().encode("utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/api/echo", "/api/echo?flag=1"])
def test_malformed_json_is_400(client: HttpClient, body: bytes, target: str) -> None:
    """The response does not contain it; `NaN` and a byte order mark are invalid."""
    response = client.send("POST", target, body, {"Content-Type": "application/json"})

    assert_error(response, client, 400)
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe{")):
        assert "byte order mark (BOM)" in response.error["message"]


@pytest.mark.parametrize(
    ("body", "pointer", "type_"),
    [
        (b'{"amount": 1e999}', "/amount", "number_out_of_range"),
        (b'{"any": [-1e999]}', "/any/0", "number_out_of_range"),
        (b'{"number": ' + b"9" * 5000 + b"}", "/number", "number_out_of_range"),
        (b'{"text": "\\ud800"}', "/text", "lone_surrogate"),
        (b'{"unknown": "\\udfff"}', "/unknown", "lone_surrogate"),
        (b'{"text": "\\u0000"}', "/text", "nul"),
        (b'{"any": {"a": ["\\u0000"]}}', "/any/a/0", "nul"),
        (b'{"\\u0000": 1}', "/\0", "nul"),
    ],
)
@pytest.mark.parametrize("target", ["/api/echo", "/api/echo?flag=1"])
def test_unsupported_values_are_invalid_inputs(
    client: HttpClient, body: bytes, pointer: str, type_: str, target: str
) -> None:
    """They are valid JSON."""
    response = client.send("POST", target, body, {"Content-Type": "application/json"})

    assert response.status == (422 if client.error_format == "standard" else 406)
    (problem,) = response.error["errors"]
    assert (problem["pointer"], problem["type"]) == (pointer, type_)
    assert response.error["key"] == pointer.split("/")[1]


@pytest.mark.parametrize("target", ["/api/echo", "/api/echo?flag=1"])
def test_64_levels_of_nesting_are_accepted_and_65_are_400(client: HttpClient, target: str) -> None:
    """The body itself is the first level."""
    headers = {"Content-Type": "application/json"}

    accepted = client.send("POST", target, b'{"any":' + b"[" * 63 + b"]" * 63 + b"}", headers)
    too_deep = client.send("POST", target, b'{"any":' + b"[" * 64 + b"]" * 64 + b"}", headers)
    much_too_deep = client.send("POST", target, b'{"any":' + b'{"a":' * 150_000, headers)

    assert accepted.status == 200
    assert_error(too_deep, client, 400)
    assert_error(much_too_deep, client, 400)


def test_brackets_within_text_are_not_nesting(client: HttpClient) -> None:
    """A text may contain any number of them."""
    assert client.post("/api/echo", {"text": "[" * 1000 + '"{' * 10}).status == 200


def test_the_last_of_duplicate_keys_counts(client: HttpClient) -> None:
    """At the top level, nested, and together with a query."""
    body = (
        b'{"text": 7, "text": "a", "text": "b", '
        b'"address": {"street": 1, "zip": "123", "street": "x"}}'
    )
    expected = {"text": "b", "address": {"street": "x", "zip": "123"}}

    assert post(client, body).json == expected
    response = client.send("POST", "/api/echo?flag=1", body, {"Content-Type": "application/json"})
    assert response.json == {**expected, "flag": True}


def test_integers_beyond_64_bits_are_accepted(client: HttpClient) -> None:
    """Without a database there is no limit; the response has all digits."""
    for number in (2**63, -(2**63) - 1, 10**30, 10**4000):
        assert post(client, b'{"number": %d}' % number).json == {"number": number}


def test_a_number_beyond_the_digit_limit_of_python_is_an_error(client: HttpClient) -> None:
    """It is not an internal error."""
    response = post(client, b'{"any": ' + b"9" * 100_000 + b"}")

    assert response.status in {400, 422, 406}


def test_a_body_in_a_get_is_ignored(client: HttpClient) -> None:
    """It has no defined meaning; the next request is handled correctly."""
    response = client.send(
        "GET", "/api/echo?text=x", b'{"text": "y"}', {"Content-Type": "application/json"}
    )

    assert response.json == {"text": "x"}


def test_a_body_in_a_delete_is_parsed(client: HttpClient) -> None:
    """Like with the other methods."""
    assert client.send("DELETE", "/api/echo", json={"text": "x"}).json == {"text": "x"}


# -- limits, framing, compression ------------------------------------------------------------------


@pytest.fixture
def limited(serve: Serve, client: HttpClient) -> HttpClient:
    """A server with a body limit of 1000 bytes."""
    return serve(web__body_limit_bytes="1000", web__error_format=client.error_format)


def body_of(size: int) -> bytes:
    return b'{"text":"' + b"x" * (size - 11) + b'"}'


def test_a_body_of_the_limit_is_accepted_and_one_more_byte_is_413(limited: HttpClient) -> None:
    """By `Content-Length`, with the text of the original ActionHero."""
    response = post(limited, body_of(1001))

    assert post(limited, body_of(1000)).status == 200
    assert_error(response, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")
    assert response.error["message"] == (
        "Payload Too Large — body of 1001 bytes exceeds the 1000 byte limit"
    )


def test_a_chunked_body_is_limited_while_it_is_received(limited: HttpClient) -> None:
    """It has no `Content-Length`."""
    response = post(limited, [body_of(1001)[:500], body_of(1001)[500:]])

    assert post(limited, [body_of(1000)[:500], body_of(1000)[500:]]).status == 200
    assert_error(response, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")
    assert response.error["message"] == "Payload Too Large — body exceeds the 1000 byte limit"


def test_a_large_body_is_413_for_unknown_paths_and_media_types_too(limited: HttpClient) -> None:
    """413 takes precedence over 404; methods without a body are exempt."""
    unknown = limited.send("POST", "/api/nowhere", b"x" * 2000)
    other = limited.send("POST", "/api/echo", b"x" * 2000, {"Content-Type": "text/plain"})
    form = limited.send(
        "POST", "/api/echo", b"x" * 2000, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    get = limited.send("GET", "/api/echo", b"x" * 2000)
    get_unknown = limited.send("GET", "/api/nowhere", b"x" * 2000)

    assert [response.status for response in (unknown, other, form)] == [413, 413, 413]
    assert (get.status, get_unknown.status) == (200, 404)


def test_the_default_limit_of_parsed_bodies_is_1_mib(standard: HttpClient) -> None:
    """A larger body is rejected before it is sent."""
    limit = 1024 * 1024
    headers = (
        b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % (limit + 1)
    )

    accepted = post(standard, body_of(limit))
    with standard.connected() as connection:
        connection.sendall(headers)
        rejected = connection.recv(65536)

    assert accepted.status == 200
    assert rejected.startswith(b"HTTP/1.1 413 ")
    assert b"body of 1048577 bytes exceeds the 1048576 byte limit" in rejected


def test_without_a_limit_large_bodies_are_accepted(serve: Serve) -> None:
    """A limit of 0 is none."""
    server = serve(web__body_limit_bytes="0", web__parsed_body_limit_bytes="0")

    assert post(server, body_of(11 * 1024 * 1024)).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_decompressed(client: HttpClient, encoding: str) -> None:
    """With both encodings, by length and chunked."""
    body = b'{"text": "decompressed"}'
    sent = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)

    expected = {"text": "decompressed"}
    assert post(client, sent, Content_Encoding=encoding).json == expected
    assert post(client, [sent[:9], sent[9:]], Content_Encoding=encoding).json == expected


def test_a_compressed_body_is_limited_by_its_decompressed_size(limited: HttpClient) -> None:
    """A small body may expand to a large one."""
    accepted = post(limited, gzip.compress(body_of(1000)), Content_Encoding="gzip")
    large = post(limited, gzip.compress(body_of(1001)), Content_Encoding="gzip")

    assert accepted.status == 200
    assert_error(large, limited, 413, "CONNECTION_REQUEST_TOO_LARGE")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    compressor = zlib.compressobj(9, wbits=31)
    chunk = b"\x00" * (16 * 1024 * 1024)
    return b"".join(compressor.compress(chunk) for _ in range(64)) + compressor.flush()


def test_a_decompression_bomb_does_not_use_memory(standard: HttpClient, bomb: bytes) -> None:
    """It gets 413 as soon as the limit is reached."""
    post(standard, body_of(10 * 1024 * 1024))
    before = standard.peak_memory_kib()

    response = post(standard, bomb, Content_Encoding="gzip")

    assert response.status == 413
    assert standard.peak_memory_kib() - before < 40 * 1024


@pytest.mark.parametrize("target", ["/api/echo", "/api/nowhere", "/api/status", "/page"])
def test_an_unread_decompression_bomb_is_not_decompressed(
    standard: HttpClient, bomb: bytes, target: str
) -> None:
    """It does not block other requests."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    before = standard.cpu_seconds()

    for method in ("POST", "GET"):
        with suppress(ConnectionError):
            standard.send(method, target, bomb, headers)

    assert standard.is_alive
    # Decompressing all of it takes more than two seconds, for each method.
    assert standard.cpu_seconds() - before < 1.5


@pytest.mark.parametrize(
    "sent",
    [b"not gzip at all", gzip.compress(b'{"text": "x"}')[:-14], gzip.compress(b"{}")[:5],
     gzip.compress(b'{"text": "x"}')[:12] + b"\xff" * 20],
    ids=["plain", "truncated", "header", "invalid"],
)  # fmt: skip
@pytest.mark.parametrize("chunked", [False, True])
def test_an_invalid_compressed_body_is_400(
    client: HttpClient, sent: bytes, *, chunked: bool
) -> None:
    """For every error of the decompressor."""
    response = post(client, [sent] if chunked else sent, Content_Encoding="gzip")

    assert_error(response, client, 400)


def test_an_unknown_compression_is_an_error(client: HttpClient) -> None:
    """Unless the body is valid JSON without decompression."""
    assert post(client, b'{"text": "x"}', Content_Encoding="rot13").status in {200, 400, 415}
    assert post(client, b"\x01\x02", Content_Encoding="rot13").status in {400, 415}


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"\r\n\r\n",
     b"2 \x00\r\n{}\r\n0\r\n\r\n"],
)  # fmt: skip
def test_malformed_chunks_are_400(parser: HttpClient, body: bytes) -> None:
    """With both parsers, with our error document, and the connection is closed."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    received = parser.send_bytes(head + body)

    assert received.split()[1] == b"400"
    assert b'{"error":{"message":' in received
    assert b"Traceback" not in received
    assert parser.is_alive


def test_expect_100_continue_gets_100(client: HttpClient) -> None:
    """Before the body is received."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with client.connected() as connection:
        connection.sendall(head)
        interim = connection.recv(65536)
        connection.sendall(b'{"text": "x"}')
        response = connection.recv(65536)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


def test_expect_100_continue_with_a_large_body_gets_413(limited: HttpClient) -> None:
    """Without `100 Continue`."""
    head = (
        b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1300\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with limited.connected() as connection:
        connection.sendall(head)

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/body/read", "/body/unread", "/nowhere"])
def test_expect_100_continue_with_a_large_body_gets_413_outside_of_actions(
    client: HttpClient, path: str
) -> None:
    """Without `100 Continue`, as in actions."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11000000\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with client.connected() as connection:
        connection.sendall(head.encode())

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_an_invalid_unread_body_is_not_logged_as_an_error(client: HttpClient) -> None:
    """The response is sent, and the error is the client's."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    client.new_log_text()

    responses = [
        client.send(method, target, b"not gzip", headers)
        for method, target in (("GET", "/api/echo"), ("GET", "/livez"), ("PUT", "/api/status"))
    ]

    assert [response.status for response in responses][:2] == [200, 200]
    assert client.is_alive
    assert "ERROR" not in client.new_log_text()
