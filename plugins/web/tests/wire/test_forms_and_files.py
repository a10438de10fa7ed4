"""Forms, with and without files."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plugins.web.tests.wire.conftest import Answer, Door, Serve

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


def upload(door: Door, body: bytes | Iterable[bytes], target: str = "/api/upload") -> Answer:
    return door.send("POST", target, body, MULTIPART)


def invalid_status(door: Door) -> int:
    return 422 if door.profile == "standard" else 406


# -- urlencoded -----------------------------------------------------------------------------------


def test_an_urlencoded_form_is_read(door: Door) -> None:
    """Decoded, coerced, repeated fields as a list where the field is one."""
    body = b"text=a+b%26%C3%A4&number=7&tags=x&tags=y&flag=on&unknown=1&"

    answer = door.send("POST", "/api/echo", body, URLENCODED)

    assert answer.json == {"text": "a b&ä", "number": 7, "tags": ["x", "y"], "flag": True}


def test_the_media_type_of_a_form_may_have_a_charset_and_any_case(door: Door) -> None:
    """As browsers write it, and as people do."""
    for media_type in (
        "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLEncoded",
    ):  # fmt: skip
        answer = door.send("POST", "/api/echo", b"text=x", {"Content-Type": media_type})

        assert answer.json == {"text": "x"}


@pytest.mark.parametrize("body", [b"text=%", b"text=%zz", b"text=%ff", b"text=\xff", b"%c3=1"])
def test_a_form_that_is_not_percent_encoded_utf_8_is_400(door: Door, body: bytes) -> None:
    """It cannot be read, so no input is to blame."""
    assert door.send("POST", "/api/echo", body, URLENCODED).status == 400


def test_an_urlencoded_form_of_more_than_1000_fields_is_413(door: Door) -> None:
    """A limit, so that a request cannot cost what it likes."""
    assert door.send("POST", "/api/echo", b"&".join([b"a="] * 1000), URLENCODED).status == 200
    assert door.send("POST", "/api/echo", b"&".join([b"a="] * 1001), URLENCODED).status == 413


# -- multipart ------------------------------------------------------------------------------------


def test_a_multipart_form_is_read_like_any_other(door: Door) -> None:
    """Text is coerced; the path wins over it, and it wins over the query."""
    body = form(
        part('name="number"', b"7"), part('name="tags"', b"x"), part('name="tags"', b"y"),
        part('name="text"', "hä\r\n".encode()),
    )  # fmt: skip

    plain = door.send("POST", "/api/echo?number=1&flag=yes", body, MULTIPART)
    path = door.send("POST", "/api/echo/text/path", body, MULTIPART)

    assert plain.json == {"number": 7, "flag": True, "tags": ["x", "y"], "text": "hä\r\n"}
    assert path.json["text"] == "path"


def test_a_text_part_may_have_a_charset_of_its_own(door: Door) -> None:
    """Which is told in the part; UTF-8 where nothing is."""
    body = form(part('name="text"', b"h\xe4", "Content-Type: text/plain; charset=latin-1"))
    wrong = form(part('name="text"', b"h\xe4"))
    unknown = form(part('name="text"', b"x", "Content-Type: text/plain; charset=klingon"))

    assert door.send("POST", "/api/echo", body, MULTIPART).json == {"text": "hä"}
    assert door.send("POST", "/api/echo", wrong, MULTIPART).status == 400
    assert door.send("POST", "/api/echo", unknown, MULTIPART).status == 400


def test_a_file_reaches_the_action_with_name_type_and_size(door: Door) -> None:
    """And with its bytes."""
    content = bytes(range(256)) * 10

    svg = file(content, "horn.svg", "Content-Type: image/svg+xml")

    answer = upload(door, form(svg, part('name="note"', b"n")))

    assert answer.json == {
        "name": "horn.svg", "type": "image/svg+xml", "size": 2560,
        "sha256": hashlib.sha256(content).hexdigest(), "more": [], "note": "n", "numbers": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("/assets/horn.svg", "/assets/horn.svg"), ("../../etc/passwd", "../../etc/passwd"),
        ("C:\\new\\table.txt", "C:\\new\\table.txt"), ("a b;c.txt", "a b;c.txt"),
        ("ä.txt", "ä.txt"), ('say \\"hi\\".txt', 'say "hi".txt'), ("", ""),
        ("%22.txt", "%22.txt"), ("😀", "😀"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_is_the_clients_verbatim(door: Door, written: str, name: str) -> None:
    """Folders included, for it is never used as a path."""
    assert upload(door, form(file(b"x", written))).json["name"] == name


def test_an_extended_name_of_a_file_is_decoded(door: Door) -> None:
    """As some libraries write what is not ASCII."""
    body = form(part("name=file; filename=a.txt; filename*=UTF-8''%C3%A4.txt", b"x"))

    assert upload(door, body).json["name"] == "ä.txt"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("horn.svg", "image/svg+xml"),
        ("a.JSON", "application/json"),
        ("x", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_derived_from_its_name_if_it_is_not_told(
    door: Door, name: str, kind: str
) -> None:
    """Unknown ones are octets."""
    assert upload(door, form(file(b"x", name))).json["type"] == kind


def test_files_of_one_field_make_a_list(door: Door) -> None:
    """Where the field is one; otherwise the last wins."""
    more = [part(f'name="more"; filename="{name}"', b"x") for name in ("a", "b")]

    answer = upload(door, form(file(b"1", "first"), *more, file(b"2", "second")))

    assert answer.json["name"] == "second"
    assert answer.json["more"] == ["a", "b"]


def test_a_missing_file_is_a_missing_required_param(door: Door) -> None:
    """In a form, in JSON, and without any body."""
    for answer in (
        upload(door, form(part('name="note"', b"n"))),
        door.post("/api/upload", {"note": "n"}),
        door.send("POST", "/api/upload"),
    ):
        assert answer.status == invalid_status(door)
        assert answer.error["message"] == "Missing required param: file"


def test_what_is_no_file_is_told_that_a_file_is_required(door: Door) -> None:
    """A text of the same name, in a form or in JSON."""
    for answer in (
        upload(door, form(part('name="file"', b"text"))),
        door.post("/api/upload", {"file": "text"}),
        door.post("/api/upload?note=x", {"file": {"name": "x"}}),
        door.send("POST", "/api/upload", b"file=x", URLENCODED),
    ):
        assert answer.status == invalid_status(door)
        assert answer.error["message"] == "File is required"
        assert answer.error["key"] == "file"


def test_a_file_where_text_is_wanted_is_an_input_error(door: Door) -> None:
    """Not a failure of ours."""
    body = form(part('name="text"; filename="a.txt"', b"x"))

    answer = door.send("POST", "/api/echo", body, MULTIPART)

    assert answer.status == invalid_status(door)
    assert answer.error["key"] == "text"


def test_a_file_for_a_field_of_anything_is_told_as_what_it_is(door: Door) -> None:
    """The answer tells name, type and size, never the bytes."""
    body = form(part('name="any"; filename="a.txt"', b"secret bytes"))

    answer = door.send("POST", "/api/echo", body, MULTIPART)

    assert b"secret bytes" not in answer.body
    assert answer.status in {200, 500}


@pytest.mark.parametrize("size", [0, 1, 8191, 65536, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_files_of_all_sizes_arrive_whole(door: Door, size: int) -> None:
    """In memory up to 1 MiB, above on disk; also with what looks like a boundary inside."""
    content = (b"--the-bound\r\n--" * (size // 15 + 1))[:size]

    answer = upload(door, form(file(content)))

    assert answer.json["size"] == size
    assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_file_may_be_sent_in_chunks_and_compressed(door: Door) -> None:
    """However the bytes of the body travel."""
    content = b"0123456789" * 20_000
    body = form(file(content))

    chunked = upload(door, [body[i : i + 999] for i in range(0, len(body), 999)])
    packed = door.send(
        "POST", "/api/upload", gzip.compress(body), {**MULTIPART, "Content-Encoding": "gzip"}
    )

    for answer in (chunked, packed):
        assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()


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
        form(part('name="text"', b"x", "Content-Transfer-Encoding: rot13")),
        form(part('name="file"; filename="a"', b"x", *["A: b"] * 200)),
        form(part(f'name="file"; filename="{"x" * 9000}"', b"x")),
    ],
)  # fmt: skip
def test_a_broken_multipart_form_is_400(door: Door, body: bytes) -> None:
    """Whatever is broken about it; or it is empty, and a file is missing."""
    answer = upload(door, body)

    assert answer.status in {400, invalid_status(door)}
    assert b"Traceback" not in answer.body
    assert answer.error["message"] != "Internal error"


@pytest.mark.parametrize(
    "media_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=ä",
     f"multipart/form-data; boundary={'x' * 200}", 'multipart/form-data; boundary="'],
)  # fmt: skip
def test_a_multipart_form_without_a_usable_boundary_is_400(door: Door, media_type: str) -> None:
    """There is no telling its parts apart."""
    answer = door.send("POST", "/api/upload", form(file(b"x")), {"Content-Type": media_type})

    assert answer.status == 400


def test_a_form_of_more_than_1000_parts_is_413(door: Door) -> None:
    """Each costs something, however small it is."""
    parts = [part('name="numbers"', b"1")] * 999

    assert upload(door, form(file(b"x"), *parts)).status == 200
    assert upload(door, form(file(b"x"), *parts, *parts[:1])).status == 413


@pytest.mark.parametrize("where", ["file", "text", "before", "after", "headers"])
def test_every_byte_of_a_form_counts_towards_the_limit(serve: Serve, where: str) -> None:
    """Also what stands before, between and around the parts, when no length is told."""
    door = serve(web__body_limit_bytes="100000")
    much = b"x\r\n" * 50_000
    bodies = {
        "file": form(file(much)),
        "text": form(file(b"x"), part('name="note"', much)),
        "before": much + form(file(b"x")),
        "after": form(file(b"x")) + much,
        "headers": form(*[file(b"", "n", "A: " + "x" * 5000)] * 30),
    }
    body = bodies[where]

    announced = upload(door, body)
    chunked = upload(door, [body[i : i + 4096] for i in range(0, len(body), 4096)])

    assert announced.status == 413
    assert chunked.status == 413


def test_a_hundred_megabytes_are_taken_with_flat_memory(serve: Serve) -> None:
    """They go through memory in pieces, and lie on disk."""
    door = serve(web__body_limit_bytes=str(200 * MIB))
    size = 100 * MIB
    piece = bytes(range(256)) * 1024
    digest = hashlib.sha256()
    for _ in range(size // len(piece)):
        digest.update(piece)

    def pieces() -> Iterator[bytes]:
        yield file(b"")[:-2]
        for _ in range(size // len(piece)):
            yield piece
        yield b"\r\n" + form()

    upload(door, form(file(piece * 8)))
    before = door.most_memory_kib()

    answer = upload(door, pieces())

    assert answer.json["size"] == size
    assert answer.json["sha256"] == digest.hexdigest()
    assert door.most_memory_kib() - before < 30 * 1024
