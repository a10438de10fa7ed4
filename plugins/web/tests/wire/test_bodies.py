"""Limits of bodies, the same for actions, native routes and endpoints, with both parsers."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
BOUNDARY = "the-boundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
#: An action, native routes that read the body in each way of aiohttp, and an endpoint.
TARGETS = ["/api/echo", "/body/read", "/body/json", "/body/content", "/body/endpoint"]


def text(size: int) -> bytes:
    return b'{"text":"' + b"x" * (size - 11) + b'"}'


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send_form(client: HttpClient, *parts: bytes, target: str = "/api/echo") -> Response:
    return client.send("POST", target, form(*parts), MULTIPART)


# -- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_a_parsed_body_is_limited(parser: HttpClient, target: str) -> None:
    """By its length, while it is read, and by its size after decompression."""
    large = text(MIB + 1)

    assert parser.send("POST", target, text(MIB), JSON).status == 200
    assert parser.send("POST", target, large, JSON).status == 413
    assert parser.send("POST", target, [large[:9], large[9:]], JSON).status == 413
    compressed = {**JSON, "Content-Encoding": "gzip"}
    assert parser.send("POST", target, gzip.compress(text(MIB)), compressed).status == 200
    assert parser.send("POST", target, gzip.compress(large), compressed).status == 413
    assert parser.is_alive


@pytest.mark.parametrize("target", ["/body/read", "/body/content"])
def test_other_bodies_of_native_routes_are_limited(parser: HttpClient, target: str) -> None:
    """By `web.body_limit_bytes`."""
    assert parser.send("POST", target, b"x" * (10 * MIB)).body == b"%d" % (10 * MIB)
    assert parser.send("POST", target, b"x" * (10 * MIB + 1)).status == 413


def test_a_native_multipart_form_is_limited(parser: HttpClient) -> None:
    """With the methods of aiohttp."""
    for target in ("/body/post", "/body/multipart"):
        accepted = send_form(parser, part('name="a"; filename="b"', b"x" * MIB), target=target)
        rejected = send_form(
            parser, part('name="a"; filename="b"', b"x" * (10 * MIB)), target=target
        )

        assert (accepted.status, rejected.status) == (200, 413)


@pytest.mark.parametrize("charset", ["punycode", "idna", "hex", "unknown"])
def test_native_routes_refuse_slow_and_unknown_charsets(parser: HttpClient, charset: str) -> None:
    """In the body and in a part of a form: Python's codec `punycode` takes minutes for 1 MB."""
    content = b"a" * 300_000 + b"-" + b"99" * 150_000
    parameter = {"Content-Type": f"application/json; charset={charset}"}
    urlencoded = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    in_part = part('name="a"', content, f"Content-Type: text/plain; charset={charset}")
    seconds = parser.cpu_seconds()

    responses = [
        parser.send("POST", "/body/json", content, parameter),
        parser.send("POST", "/body/post", content, urlencoded),
        send_form(parser, in_part, target="/body/post"),
    ]

    assert [response.status for response in responses] == [415, 415, 415]
    assert responses[0].error["message"] == f"unsupported charset {charset!r}; send utf-8"
    assert parser.cpu_seconds() - seconds < 2


def test_native_routes_decode_other_charsets(parser: HttpClient) -> None:
    """For example those of webhooks."""
    headers = {"Content-Type": "application/json; charset=windows-1252"}

    response = parser.send("POST", "/body/json", b'"\x80"', headers)

    assert response.body == b"1"


@pytest.mark.parametrize("target", [*TARGETS, "/body/unread"])
def test_a_decompression_bomb_uses_neither_memory_nor_time(parser: HttpClient, target: str) -> None:
    """It is decompressed up to the limit."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(MIB)) for _ in range(300)) + compressor.flush()
    memory, seconds = parser.peak_memory_kib(), parser.cpu_seconds()
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}

    response = parser.send("POST", target, bomb, headers)

    assert response.status == (200 if target == "/body/unread" else 413)
    assert parser.peak_memory_kib() - memory < 40 * 1024
    assert parser.cpu_seconds() - seconds < 2


def test_the_fields_of_a_form_are_limited_and_its_files_are_not(parser: HttpClient) -> None:
    """Fields are parsed in memory; files may have the size of a body."""
    small, large = part('name="note"', b"x" * MIB), part('name="note"', b"x" * (MIB + 1))
    upload = part('name="file"; filename="a"', b"x" * (5 * MIB))

    assert send_form(parser, upload, target="/api/upload").json["size"] == 5 * MIB
    assert send_form(parser, large).status == 413
    assert send_form(parser, small, small).status == 413


def test_a_file_is_a_field_if_its_input_is_one(parser: HttpClient) -> None:
    """Fields are parsed in memory; a file that no input takes is not read."""
    text = part('name="text"; filename="a"', b"x" * (MIB // 2))
    unread = part('name="unread"; filename="a"', b"x" * (3 * MIB))

    assert send_form(parser, text).status == 200
    assert send_form(parser, text, text, text).status == 413
    assert send_form(parser, unread, unread, text).status == 200


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_a_native_middleware_has_read_reaches_the_action(
    serve: Serve, *, is_chunked: bool
) -> None:
    """And an endpoint; the limits are the same."""
    server = serve(WIRE_READING_MIDDLEWARE="yes")

    def send(target: str, body: bytes, headers: dict[str, str]) -> Response:
        sent = [body[:5], body[5:]] if is_chunked else body
        return server.send("POST", target, sent, headers)

    assert send("/api/echo", b'{"text":"a"}', JSON).json == {"text": "a"}
    assert send("/api/echo/number/1", b'{"text":"a"}', JSON).json == {"text": "a", "number": 1}
    assert send("/api/echo", b"text=a", URLENCODED).json == {"text": "a"}
    assert bytes.fromhex(send("/api/webhook", b'{"n":1}', JSON).json["again"]) == b'{"n":1}'
    upload = send("/api/upload", form(part('name="file"; filename="b"', b"content")), MULTIPART)
    assert (upload.json["name"], upload.json["size"]) == ("b", 7)
    assert send("/body/endpoint", b"content", JSON).body == b"7"
    compressed = send("/api/echo", gzip.compress(text(MIB)), {**JSON, "Content-Encoding": "gzip"})
    assert len(compressed.json["text"]) == MIB - 11
    assert send("/api/echo", text(MIB + 1), JSON).status == 413
    fields = form(part('name="note"', b"x" * (MIB + 1)))
    assert send("/api/echo", fields, MULTIPART).status == 413


# -- codings ---------------------------------------------------------------------------------------

COMPRESSED = gzip.compress(text(10_000))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", COMPRESSED, 200),
        ("x-gzip", COMPRESSED, 200),
        ("GZIP", COMPRESSED, 200),
        ("identity", text(100), 200),
        ("deflate", zlib.compress(text(100)), 200),
        ("deflate", zlib.compress(text(100))[2:-4], 200),
        ("gzip", gzip.compress(text(99)[:50]) + gzip.compress(text(99)[50:]), 200),
        ("gzip", COMPRESSED[:1], 400),
        ("gzip", COMPRESSED[:-1], 400),
        ("gzip", COMPRESSED[:-8], 400),
        ("gzip", COMPRESSED[:50], 400),
        ("gzip", COMPRESSED + b"x", 400),
        ("gzip", COMPRESSED + b"\x1f", 400),
        ("gzip", COMPRESSED + b"\x1f\x8b", 400),
        ("gzip", COMPRESSED + bytes(10), 400),
        ("gzip", COMPRESSED[:-8] + bytes(8), 400),
        ("gzip", text(100), 400),
        ("deflate", zlib.compress(text(100))[:-1], 400),
        ("deflate", zlib.compress(text(100)) + b"x", 400),
        ("compress", text(100), 415),
        ("br", text(100), 415),
        ("zstd", text(100), 415),
        ("bogus", text(100), 415),
        ("gzip, gzip", COMPRESSED, 415),
        ("gzip;q=1", COMPRESSED, 415),
    ],
    ids=itertools.count(),
)
def test_a_compressed_body_is_complete_or_an_error(
    parser: HttpClient, target: str, coding: str, body: bytes, status: int
) -> None:
    """RFC 1952; the response lists the codings that the server decodes."""
    for sent in (body, [body[i : i + 7] for i in range(0, len(body), 7)]):
        response = parser.send("POST", target, sent, {**JSON, "Content-Encoding": coding})

        assert response.status == status, response.body
        assert response.header("Accept-Encoding") == ("gzip, deflate" if status == 415 else None)


def test_an_empty_body_is_not_a_compressed_one(parser: HttpClient) -> None:
    """A compressed empty body has some bytes."""
    headers = {**JSON, "Content-Encoding": "gzip"}

    assert parser.send("POST", "/api/echo", b"", headers).status == 400
    assert parser.send("POST", "/api/echo", gzip.compress(b""), headers).status == 200


# -- charsets and encodings of parts ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "content", "expected"),
    [
        ("utf-8", "ä".encode(), "ä"), ("UTF-8", "ä".encode(), "ä"), ('"utf-8"', b"a", "a"),
        ("us-ascii", b"a", "a"), ("iso-8859-1", b"\xe4", "ä"), ("ISO-8859-1", b"\xe4", "ä"),
        ("us-ascii", b"\xe4", 400), ("utf-8", b"\xe4", 400),
        ("punycode", b"a" * 700_000, 415), ("utf-7", b"a", 415), ("utf-16", b"a\0", 415),
        ("idna", b"a", 415), ("unicode_escape", b"\\n", 415), ("rot13", b"a", 415),
        ("base64", b"YQ==", 415), ("zlib", b"a", 415), ("undefined", b"a", 415),
        ("latin-1", b"a", 415), ("windows-1252", b"a", 415), ("", b"a", 415), ("\xe4", b"a", 415),
    ],
)  # fmt: skip
def test_the_charset_of_a_part_is_one_of_three(
    parser: HttpClient, charset: str, content: bytes, expected: str | int
) -> None:
    """Some of Python's codecs take minutes for a megabyte."""
    own = part('name="text"', content, f"Content-Type: text/plain; charset={charset}")
    common = part('name="_charset_"', charset.strip('"').encode()), part('name="text"', content)

    for response in (send_form(parser, own), send_form(parser, *common)):
        if isinstance(expected, int):
            assert response.status == expected
        else:
            assert response.json["text"] == expected


@pytest.mark.parametrize(
    ("header", "content", "expected"),
    [
        ("Content-Transfer-Encoding: base64", b"aGVs\r\nbG8=", b"hello"),
        ("Content-Transfer-Encoding: BASE64", b"aGVsbG8=", b"hello"),
        ("Content-Transfer-Encoding: 8bit", b"hello", b"hello"),
        ("Content-Transfer-Encoding: binary", b"hello", b"hello"),
        ("Content-Encoding: identity", b"hello", b"hello"),
        ("Content-Transfer-Encoding: base64", b"!!!!", 400),
        ("Content-Transfer-Encoding: base64", b"aGVsbG8", 400),
        ("Content-Transfer-Encoding: base64", b"aGVsbG8=aGVs", 400),
        ("Content-Transfer-Encoding: base64", b"a===", 400),
        ("Content-Transfer-Encoding: quoted-printable", b"h=65llo", 415),
        ("Content-Transfer-Encoding: rot13", b"uryyb", 415),
        ("Content-Encoding: gzip", gzip.compress(b"hello", mtime=0), 415),
        ("Content-Encoding: bogus", b"hello", 415),
    ],
)
def test_the_encoding_of_a_part_is_the_same_for_texts_and_files(
    parser: HttpClient, header: str, content: bytes, expected: bytes | int
) -> None:
    """Base64 is decoded and validated."""
    field = send_form(parser, part('name="text"', content, header))
    file = send_form(parser, part('name="file"; filename="a"', content, header),
                     target="/api/upload")  # fmt: skip

    if isinstance(expected, int):
        assert (field.status, file.status) == (expected, expected)
    else:
        assert field.json["text"] == expected.decode()
        assert file.json["size"] == len(expected)


def test_large_base64_parts_are_decoded(parser: HttpClient) -> None:
    """In pieces of any size."""
    from base64 import encodebytes  # noqa: PLC0415 - one use

    content = encodebytes(bytes(3 * MIB))
    file = part('name="file"; filename="a"', content, "Content-Transfer-Encoding: base64")

    assert send_form(parser, file, target="/api/upload").json["size"] == 3 * MIB


# -- forms -----------------------------------------------------------------------------------------


def test_json_that_is_sent_as_a_form_has_a_remedy(standard: HttpClient) -> None:
    """As curl sends it by default; a valid call and other forms have none."""
    missing = "Missing required param: name"

    wrong = standard.send("PUT", "/api/account", b'{"name": "Ada"}', URLENCODED)
    other = standard.send("PUT", "/api/account", b"mail=a", URLENCODED)

    assert other.error["message"] == missing
    assert wrong.error["message"] == (
        f"{missing}; the body was read as a form, and looks like JSON: send Content-Type: "
        "application/json"
    )
    assert wrong.error["errors"] == other.error["errors"]
    assert standard.send("POST", "/api/echo", b'{"text": "a"}', URLENCODED).status == 200


def test_clients_of_the_original_actionhero_get_its_message_for_a_form(
    original: HttpClient,
) -> None:
    """It has no remedy for JSON."""
    response = original.send("PUT", "/api/account", b'{"name": "Ada"}', URLENCODED)

    assert response.error["message"] == "Missing required param: name"


def test_a_file_field_without_a_file_is_absent(parser: HttpClient) -> None:
    """Browsers send an empty part without a name."""
    empty = part('name="file"; filename=""', b"", "Content-Type: application/octet-stream")

    response = send_form(parser, empty, target="/api/upload")

    assert response.status == 422
    assert response.error["message"] == "Missing required param: file"


@pytest.mark.parametrize(
    ("content_type", "body", "cause"),
    [
        ("multipart/form-data", form(), "has no valid boundary"),
        ("multipart/form-data; boundary=", form(), "has no valid boundary"),
        ("multipart/form-data; boundary=" + "x" * 71, form(), "has no valid boundary"),
        (None, b"x", "has no line with its boundary"),
        (None, form(part('name="a"', b"x")).replace(b"\r\n", b"\n"), "must end with CRLF"),
        (None, form(part('name="a"', b"x", "A: b\nB: c")), "has a line end of LF only"),
        (None, form(part('name="a\0"', b"x")), "contains NUL"),
        (None, form(part('name="a"', b"x", "no colon")), "a header of a part of the form is"),
        (None, form(part('name="a"', b"x", "A: b", "A: c")), "has two headers 'a'"),
        (None, form(part("x=y", b"x")), "a part of the form has no name"),
        (None, form(part('name="a"', b"x"))[:-8], "the multipart form is truncated"),
        (None, part('name="a"', b"x")[:40], "the multipart form is truncated"),
        (None, form(part('name="a"', b"x", "A: " + "b" * 9000)), "is too large"),
        (None, form(part('name="a"', b"x", "Content-Type: multipart/mixed")), "multipart body"),
    ],
)
def test_the_error_of_a_malformed_form_names_the_cause(
    parser: HttpClient, content_type: str | None, body: bytes, cause: str
) -> None:
    """Each is the client's."""
    headers = {"Content-Type": content_type} if content_type else MULTIPART

    response = parser.send("POST", "/api/echo", body, headers)

    assert response.status == 400
    assert cause in response.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + form(part('name="text"', b"x")) + b"epilogue",
        form(part('name="text"', b"x")).replace(b"--the-boundary\r\n", b"--the-boundary \t\r\n"),
        form(part('name="text"', b"x"))[:-2],
        form(part('name="text"', b"x"), part('name="other"', b"")),
    ],
)
def test_valid_variants_of_forms_are_parsed(parser: HttpClient, body: bytes) -> None:
    """RFC 2046 §5.1, in pieces of any size."""
    for size in (1, 3, 1000):
        chunks = [body[i : i + size] for i in range(0, len(body), size)]

        assert parser.send("POST", "/api/echo", chunks, MULTIPART).json["text"] == "x"


def test_text_like_the_boundary_is_content(parser: HttpClient) -> None:
    """Also at the beginning of a part."""
    content = b"--the-boundary2\r\n--the-boundar\r\n--the-boundary-\r\n--the-boundaryx"

    for size in (1, 7, 1000):
        body = form(part('name="text"', content))
        chunks = [body[i : i + size] for i in range(0, len(body), size)]
        assert parser.send("POST", "/api/echo", chunks, MULTIPART).json["text"] == content.decode()


# -- time ------------------------------------------------------------------------------------------

SLOW = {
    "web__body_idle_timeout": "1",
    "web__body_rate_grace": "0.5",
    "web__body_minimum_bytes_per_second": "1000",
}


@pytest.mark.parametrize(
    ("target", "media_type", "start", "more"),
    [
        ("/api/echo", "application/json", b'{"text":"', b"x"),
        ("/api/echo", "application/x-www-form-urlencoded", b"text=", b"x"),
        ("/api/upload", MULTIPART["Content-Type"], part('name="f"; filename="a"', b"")[:-2], b"x"),
        ("/body/read", "text/plain", b"", b"x"),
        ("/body/endpoint", "text/plain", b"", b"x"),
        ("/body/json", "application/json", b'{"text":"', b"x"),
        ("/body/multipart", MULTIPART["Content-Type"], part('name="a"', b"")[:-2], b"x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("python", ["", "1"])
def test_a_slow_body_gets_408(
    serve: Serve, python: str, target: str, media_type: str, start: bytes, more: bytes
) -> None:
    """A byte now and then does not keep a request open."""
    server = serve(**SLOW, **({"AIOHTTP_NO_EXTENSIONS": python} if python else {}))
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    with server.connected() as connection:
        connection.sendall(head.encode() + start)
        connection.settimeout(0.1)
        received = b""
        for _ in range(100):
            with suppress(TimeoutError):
                received = connection.recv(65536)
                break
            connection.sendall(more)

    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"less than 1000 bytes per second" in received
    assert server.is_alive


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("broken", [b"x\r\n", b"2\r\n{}x", b"0\r\nno colon\r\n\r\n"])
def test_a_broken_chunk_of_a_later_packet_gets_400(
    parser: HttpClient, target: str, broken: bytes
) -> None:
    """Immediately, and not after the timeout for pauses."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    start = time.monotonic()
    with parser.connected() as connection:
        connection.sendall(head.encode() + b"1\r\n \r\n")
        # The server is reading the body.
        assert parser.is_alive
        connection.sendall(broken)
        received = connection.recv(65536)
        end = connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["type"] in received.decode()
    assert end == b""
    assert time.monotonic() - start < 10


def test_a_body_that_ends_early_gets_400(parser: HttpClient) -> None:
    """A client that closes its side within the body."""
    for target in ("/api/echo", "/body/read"):
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{"
        with parser.connected() as connection:
            connection.sendall(head.encode())
            assert parser.is_alive
            connection.shutdown(1)
            received = connection.recv(65536)

        assert re.match(rb"HTTP/1\.1 400 ", received)
