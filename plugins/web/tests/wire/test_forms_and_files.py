"""Urlencoded and multipart forms, with and without files."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

BOUNDARY = "the-boundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MIB = 1024 * 1024


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def file(content: bytes, name: str = "a.bin", *headers: str) -> bytes:
    return part(f'name="file"; filename="{name}"', content, *headers)


def upload(
    client: HttpClient, body: bytes | Iterable[bytes], target: str = "/api/upload"
) -> Response:
    return client.send("POST", target, body, MULTIPART)


def invalid_status(client: HttpClient) -> int:
    return 422 if client.error_format == "standard" else 406


# -- urlencoded -----------------------------------------------------------------------------------


def test_an_urlencoded_form_is_parsed(client: HttpClient) -> None:
    """Fields are decoded and coerced; repeated ones are lists if the field is one."""
    body = b"text=a+b%26%C3%A4&number=7&tags=x&tags=y&flag=on&unknown=1&"

    response = client.send("POST", "/api/echo", body, URLENCODED)

    assert response.json == {"text": "a b&ä", "number": 7, "tags": ["x", "y"], "flag": True}


def test_the_media_type_of_a_form_may_have_a_charset_and_any_case(client: HttpClient) -> None:
    """Clients differ in both."""
    for media_type in (
        "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLEncoded",
    ):  # fmt: skip
        response = client.send("POST", "/api/echo", b"text=x", {"Content-Type": media_type})

        assert response.json == {"text": "x"}


@pytest.mark.parametrize("body", [b"text=%", b"text=%zz", b"text=%ff", b"text=\xff", b"%c3=1"])
def test_a_form_that_is_not_percent_encoded_utf_8_is_400(client: HttpClient, body: bytes) -> None:
    """It is malformed, and not an invalid input."""
    assert client.send("POST", "/api/echo", body, URLENCODED).status == 400


def test_an_urlencoded_form_of_more_than_1000_fields_is_413(client: HttpClient) -> None:
    """The limit bounds the cost of a request."""
    assert client.send("POST", "/api/echo", b"&".join([b"a="] * 1000), URLENCODED).status == 200
    assert client.send("POST", "/api/echo", b"&".join([b"a="] * 1001), URLENCODED).status == 413


# -- multipart ------------------------------------------------------------------------------------


def test_a_multipart_form_is_parsed(client: HttpClient) -> None:
    """Text is coerced; the path overrides the form, and the form the query."""
    body = form(
        part('name="number"', b"7"), part('name="tags"', b"x"), part('name="tags"', b"y"),
        part('name="text"', "hä\r\n".encode()),
    )  # fmt: skip

    plain = client.send("POST", "/api/echo?number=1&flag=yes", body, MULTIPART)
    path = client.send("POST", "/api/echo/text/path", body, MULTIPART)

    assert plain.json == {"number": 7, "flag": True, "tags": ["x", "y"], "text": "hä\r\n"}
    assert path.json["text"] == "path"


def test_a_text_part_may_have_its_own_charset(client: HttpClient) -> None:
    """The default is UTF-8."""
    body = form(part('name="text"', b"h\xe4", "Content-Type: text/plain; charset=iso-8859-1"))
    invalid = form(part('name="text"', b"h\xe4"))
    unknown = form(part('name="text"', b"x", "Content-Type: text/plain; charset=klingon"))

    assert client.send("POST", "/api/echo", body, MULTIPART).json == {"text": "hä"}
    assert client.send("POST", "/api/echo", invalid, MULTIPART).status == 400
    assert client.send("POST", "/api/echo", unknown, MULTIPART).status == 415


def test_an_action_gets_a_file_with_name_type_and_size(client: HttpClient) -> None:
    """And with its content."""
    content = bytes(range(256)) * 10

    svg = file(content, "horn.svg", "Content-Type: image/svg+xml")

    response = upload(client, form(svg, part('name="note"', b"n")))

    assert response.json == {
        "name": "horn.svg", "type": "image/svg+xml", "size": 2560,
        "sha256": hashlib.sha256(content).hexdigest(), "more": [], "note": "n", "numbers": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("/assets/horn.svg", "/assets/horn.svg"), ("../../etc/passwd", "../../etc/passwd"),
        ("C:\\new\\table.txt", "C:\\new\\table.txt"), ("a b;c.txt", "a b;c.txt"),
        ("ä.txt", "ä.txt"), ('say \\"hi\\".txt', 'say "hi".txt'), ("", ""),
        ("%22.txt", "%22.txt"), ("😀", "😀"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_is_unchanged(client: HttpClient, sent: str, name: str) -> None:
    """It includes folders, as it is never used as a path."""
    assert upload(client, form(file(b"x", sent))).json["name"] == name


def test_an_extended_file_name_is_decoded(client: HttpClient) -> None:
    """Some libraries send it for names outside ASCII."""
    body = form(part("name=file; filename=a.txt; filename*=UTF-8''%C3%A4.txt", b"x"))

    assert upload(client, body).json["name"] == "ä.txt"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("UTF-8''%00.txt", "the file name of a part of the form contains NUL"),
        ("UTF-8''%FF.txt", "the file name of a part of the form is not UTF-8"),
        ("punycode''x", "the file name of a part of the form is not UTF-8"),
    ],
)
def test_an_extended_file_name_is_valid_utf_8(
    standard: HttpClient, name: str, message: str
) -> None:
    """Otherwise the file would be taken for a text."""
    response = upload(standard, form(part(f"name=file; filename*={name}", b"x")))

    assert (response.status, response.error["message"]) == (400, message)


@pytest.mark.parametrize("header", [
    b'Content-Disposition: form-data; name="file"; filename="caf\xe9.txt"',
    b'Content-Disposition: form-data; name="caf\xe9"',
    b'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/\xff',
])  # fmt: skip
def test_a_header_of_a_part_that_is_not_utf_8_is_400(standard: HttpClient, header: bytes) -> None:
    """Name and media type of a file are UTF-8, so that an action can store them."""
    head = f"--{BOUNDARY}\r\n".encode() + header + b"\r\n\r\n"

    response = upload(standard, head + b"x\r\n" + form())

    message = "a header of a part of the form is not UTF-8"
    assert (response.status, response.error["message"]) == (400, message)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("horn.svg", "image/svg+xml"),
        ("a.JSON", "application/json"),
        ("x", "application/octet-stream"),
    ],
)
def test_the_default_media_type_of_a_file_depends_on_its_name(
    client: HttpClient, name: str, media_type: str
) -> None:
    """Unknown names have `application/octet-stream`."""
    assert upload(client, form(file(b"x", name))).json["type"] == media_type


def test_several_files_of_a_field_are_a_list(client: HttpClient) -> None:
    """If the field is a list; otherwise the last one counts."""
    more = [part(f'name="more"; filename="{name}"', b"x") for name in ("a", "b")]

    response = upload(client, form(file(b"1", "first"), *more, file(b"2", "second")))

    assert response.json["name"] == "second"
    assert response.json["more"] == ["a", "b"]


def test_a_missing_file_is_a_missing_required_param(client: HttpClient) -> None:
    """In a form, in JSON, and without a body."""
    for response in (
        upload(client, form(part('name="note"', b"n"))),
        client.post("/api/upload", {"note": "n"}),
        client.send("POST", "/api/upload"),
    ):
        assert response.status == invalid_status(client)
        assert response.error["message"] == "Missing required param: file"


def test_a_text_for_a_file_field_is_an_error(client: HttpClient) -> None:
    """In a form and in JSON."""
    for response in (
        upload(client, form(part('name="file"', b"text"))),
        client.post("/api/upload", {"file": "text"}),
        client.post("/api/upload?note=x", {"file": {"name": "x"}}),
        client.send("POST", "/api/upload", b"file=x", URLENCODED),
    ):
        assert response.status == invalid_status(client)
        assert response.error["message"] == "File is required"
        assert response.error["key"] == "file"


def test_a_file_for_a_text_field_is_its_content(client: HttpClient) -> None:
    """Clients send any part with a file name."""
    body = form(part('name="text"; filename="a.txt"', b"x"))

    response = client.send("POST", "/api/echo", body, MULTIPART)

    assert (response.status, response.json) == (200, {"text": "x"})


def test_a_file_in_an_untyped_field_is_not_disclosed(client: HttpClient) -> None:
    """The response does not contain its bytes."""
    body = form(part('name="any"; filename="a.txt"', b"secret bytes"))

    response = client.send("POST", "/api/echo", body, MULTIPART)

    assert b"secret bytes" not in response.body
    assert response.status in {200, 500}


@pytest.mark.parametrize("size", [0, 1, 8191, 65536, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_files_of_all_sizes_are_received_completely(client: HttpClient, size: int) -> None:
    """In memory up to 1 MiB, above on disk; also with text similar to the boundary."""
    content = (b"--the-bound\r\n--" * (size // 15 + 1))[:size]

    response = upload(client, form(file(content)))

    assert response.json["size"] == size
    assert response.json["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_file_may_be_sent_in_chunks_and_compressed(client: HttpClient) -> None:
    """The action gets the same content."""
    content = b"0123456789" * 20_000
    body = form(file(content))

    chunked = upload(client, [body[i : i + 999] for i in range(0, len(body), 999)])
    compressed = client.send(
        "POST", "/api/upload", gzip.compress(body), {**MULTIPART, "Content-Encoding": "gzip"}
    )

    for response in (chunked, compressed):
        assert response.json["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"--the-boundary", b"--the-boundary\r\n", b"--the-boundary--", form()[:-4],
        form(file(b"x"))[:-10], file(b"x")[:-5], b"--other\r\n\r\nx\r\n--other--\r\n",
        form(b"--the-boundary\r\n\r\nno disposition\r\n"), form(part("", b"x")),
        form(b"--the-boundary\r\nContent-Disposition: form-data; name=file\r\nbroken"),
        form(b"--the-boundary\r\nno colon\r\n\r\nx\r\n"),
        form(part('name="file"', b"x", "A: \x00")),
        form(part('name="file"', b"x", "Content-Type: multipart/mixed; boundary=b")),
        form(part('name="file"; filename="a"', b"x", *["A: b"] * 200)),
        form(part(f'name="file"; filename="{"x" * 9000}"', b"x")),
    ],
)  # fmt: skip
def test_a_malformed_multipart_form_is_400(client: HttpClient, body: bytes) -> None:
    """An empty one is an error of the missing file."""
    response = upload(client, body)

    assert response.status in {400, invalid_status(client)}
    assert b"Traceback" not in response.body
    assert response.error["message"] != "Internal error"


@pytest.mark.parametrize(
    "media_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=ä",
     f"multipart/form-data; boundary={'x' * 200}", 'multipart/form-data; boundary="'],
)  # fmt: skip
def test_a_multipart_form_without_a_valid_boundary_is_400(
    client: HttpClient, media_type: str
) -> None:
    """Its parts cannot be separated."""
    response = client.send("POST", "/api/upload", form(file(b"x")), {"Content-Type": media_type})

    assert response.status == 400


def test_a_form_of_more_than_1000_parts_is_413(client: HttpClient) -> None:
    """The limit bounds the cost of a request."""
    parts = [part('name="numbers"', b"1")] * 999

    assert upload(client, form(file(b"x"), *parts)).status == 200
    assert upload(client, form(file(b"x"), *parts, *parts[:1])).status == 413


@pytest.mark.parametrize("position", ["file", "text", "before", "after", "headers"])
def test_every_byte_of_a_form_counts_towards_the_limit(serve: Serve, position: str) -> None:
    """Also the data before, between and after the parts of a chunked body."""
    client = serve(web__body_limit_bytes="100000")
    large = b"x\r\n" * 50_000
    bodies = {
        "file": form(file(large)),
        "text": form(file(b"x"), part('name="note"', large)),
        "before": large + form(file(b"x")),
        "after": form(file(b"x")) + large,
        "headers": form(*[file(b"", "n", "A: " + "x" * 5000)] * 30),
    }
    body = bodies[position]

    with_length = upload(client, body)
    chunked = upload(client, [body[i : i + 4096] for i in range(0, len(body), 4096)])

    assert with_length.status == 413
    assert chunked.status == 413


def test_a_hundred_megabytes_are_received_with_constant_memory(serve: Serve) -> None:
    """Large files are written to disk in chunks."""
    client = serve(web__body_limit_bytes=str(200 * MIB))
    size = 100 * MIB
    chunk = bytes(range(256)) * 1024
    digest = hashlib.sha256()
    for _ in range(size // len(chunk)):
        digest.update(chunk)

    def chunks() -> Iterator[bytes]:
        yield file(b"")[:-2]
        for _ in range(size // len(chunk)):
            yield chunk
        yield b"\r\n" + form()

    upload(client, form(file(chunk * 8)))
    before = client.peak_memory_kib()

    response = upload(client, chunks())

    assert response.json["size"] == size
    assert response.json["sha256"] == digest.hexdigest()
    assert client.peak_memory_kib() - before < 30 * 1024


@pytest.mark.parametrize("error_format", ["standard", "actionhero"])
def test_an_upload_is_refused_with_507_if_the_disk_is_full(serve: Serve, error_format: str) -> None:
    """It is no fault of the client, and is logged."""
    client = serve(web__error_format=error_format, WIRE_FILE_LIMIT=str(2 * MIB))
    client.new_log_text()

    response = upload(client, form(file(b"x" * (3 * MIB))))

    assert response.status == 507
    assert response.error["message"] == "The server has no space to store the upload"
    assert "File too large" in client.new_log_text()
    assert upload(client, form(file(b"x" * (MIB + 1)))).status == 200


def test_all_files_are_stored_on_disk_without_a_limit_in_memory(serve: Serve) -> None:
    """0 is not taken for no limit."""
    client = serve(web__file_memory_bytes="0", WIRE_FILE_LIMIT=str(2 * MIB))

    stored, refused = (upload(client, form(file(b"x" * size))) for size in (MIB, 3 * MIB))

    assert (stored.status, stored.json["size"], refused.status) == (200, MIB, 507)


def test_an_upload_is_refused_with_503_if_it_cannot_be_stored(serve: Serve) -> None:
    """For example without a folder for temporary files."""
    client = serve(WIRE_TEMPORARY_FOLDER="/missing")
    client.new_log_text()

    response = upload(client, form(file(b"x" * (3 * MIB))))

    assert response.status == 503
    assert response.header("Retry-After") == "1"
    assert "an upload cannot be stored" in client.new_log_text()
    assert upload(client, form(file(b"x" * 1000))).status == 200
