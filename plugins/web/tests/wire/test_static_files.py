"""Files of a folder, from a started server."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.wire.conftest import Door, Serve

SECRET = b"not for anybody"
LARGE = b"0123456789abcdef" * 64 * 1024
PAGE = b"<p>all the same</p>" * 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outside = tmp_path_factory.mktemp("site")
    (outside / "secret.txt").write_bytes(SECRET)
    folder = outside / "assets"
    (folder / "docs").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    (folder / "api").mkdir()
    (folder / "index.html").write_text("<h1>front</h1>")
    (folder / "docs" / "index.html").write_text("<h1>docs</h1>")
    (folder / "docs" / "ä b.txt").write_text("odd")
    (folder / "page.html").write_bytes(PAGE)
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "horn.svg").write_text("<svg/>")
    (folder / "what.ever").write_bytes(b"0123456789")
    (folder / "nothing.txt").write_bytes(b"")
    (folder / ".env").write_bytes(SECRET)
    (folder / ".git" / "config").write_bytes(SECRET)
    (folder / "api" / "status").write_bytes(SECRET)
    (folder / "livez").write_bytes(SECRET)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    os.utime(folder / "what.ever", ns=(1_700_000_000_123_456_789,) * 2)
    return folder


@pytest.fixture
def site(serve: Serve, door: Door, folder: Path) -> Door:
    return serve(web__static_folder=str(folder), web__error_format=door.profile)


def test_a_file_is_served_with_its_type_and_what_caches_need(site: Door) -> None:
    """The tag is time and size, in base 36."""
    answer = site.get("/what.ever")

    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("ETag") == '"loyw3v5n-a"'
    assert answer.header("Last-Modified") == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert answer.header("Cache-Control") == "public, max-age=3600"
    assert answer.header("Content-Length") == "10"
    assert answer.header("Set-Cookie") is None


@pytest.mark.parametrize(
    ("target", "media_type"),
    [("/index.html", "text/html; charset=utf-8"), ("/horn.svg", "image/svg+xml"),
     ("/nothing.txt", "text/plain; charset=utf-8"), ("/large.bin", "application/octet-stream")],
)  # fmt: skip
def test_the_type_follows_the_extension(site: Door, target: str, media_type: str) -> None:
    """Unknown ones are octets."""
    assert site.get(target).header("Content-Type") == media_type


def test_a_folder_is_its_index_with_and_without_a_slash(site: Door) -> None:
    """Also the root."""
    assert site.get("/").body == b"<h1>front</h1>"
    assert site.get("/docs").body == b"<h1>docs</h1>"
    assert site.get("/docs/").body == b"<h1>docs</h1>"
    assert site.get("/docs/%C3%A4%20b.txt?v=1").body == b"odd"


@pytest.mark.parametrize(
    "target",
    ["/empty", "/empty/", "/index.html/", "/nowhere", "/../secret.txt", "/%2e%2e/secret.txt",
     "/docs/../../secret.txt", "/..%2fsecret.txt", "/.env", "/.git/config", "/%2egit/config",
     "/link.txt", "//secret.txt", "/docs//index.html", "/what.ever%00", "/%", "/INDEX.HTML",
     "/./index.html", "/..%5csecret.txt", "/" + "x" * 5000],
)  # fmt: skip
def test_nothing_outside_no_dot_files_and_no_listing(site: Door, target: str) -> None:
    """What is refused is as if it were not there."""
    answer = site.get(target)

    assert answer.status == 404
    assert answer.error["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert SECRET not in answer.body


def test_actions_and_probes_win_over_files(site: Door) -> None:
    """What lies below the prefix belongs to the actions."""
    for target in ("/api/status", "/livez", "/page"):
        answer = site.get(target)

        assert answer.status == 200
        assert SECRET not in answer.body
    assert site.get("/api/index.html").status == 404


def test_head_is_answered_without_the_file(site: Door) -> None:
    """With the same headers."""
    for target in ("/page.html", "/large.bin", "/"):
        get, head = site.get(target), site.send("HEAD", target)

        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Cache-Control"):
            assert head.header(name) == get.header(name), name


def test_other_methods_are_for_no_file(site: Door) -> None:
    """405 for a file that is there, 404 for one that is not."""
    for method in ("POST", "DELETE", "PUT"):
        answer = site.send(method, "/page.html")

        assert answer.status == (405 if site.profile == "standard" else 404)
        assert answer.header("Allow") == "GET,HEAD"
        assert site.send(method, "/nowhere").status == 404
        assert site.send(method, "/nowhere").header("Allow") is None
    assert site.send("POST", "/page").header("Allow") == "GET,HEAD"


@pytest.mark.parametrize(
    "known", ["{tag}", "W/{tag}", '"other", {tag}', '"other",W/{tag}', "*", ' {tag} , "x"']
)
def test_if_none_match_of_the_tag_is_304(site: Door, known: str) -> None:
    """Compared weakly, in lists, and by a star; without a body, and with the tag."""
    tag = site.get("/what.ever").header("ETag") or ""

    for method in ("GET", "HEAD"):
        answer = site.send(method, "/what.ever", None, {"If-None-Match": known.format(tag=tag)})

        assert (answer.status, answer.body) == (304, b"")
        assert answer.header("ETag") == tag
        assert answer.header("Cache-Control") is None


@pytest.mark.parametrize("known", ['"other"', "", "nonsense", '"loyw3v5n-b"', "loyw3v5n-a"])
def test_if_none_match_of_another_tag_is_the_file(site: Door, known: str) -> None:
    """All of it."""
    answer = site.send("GET", "/what.ever", None, {"If-None-Match": known})

    assert (answer.status, answer.body) == (200, b"0123456789")


def test_if_modified_since_is_by_seconds(site: Door) -> None:
    """And counts for nothing beside `If-None-Match`."""
    same = {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}
    earlier = {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"}
    other = {**same, "If-None-Match": '"other"'}
    nonsense = {"If-Modified-Since": "yesterday"}

    statuses = [
        site.send("GET", "/what.ever", None, headers).status
        for headers in (same, earlier, other, nonsense)
    ]

    assert statuses == [304, 200, 200, 200]


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"), ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"), ("bytes=x", 200, b"0123456789", None),
        ("bytes=3-1", 200, b"0123456789", None), ("lines=0-3", 200, b"0123456789", None),
        ("bytes=-0", 416, b"", "bytes */10"),
    ],
)  # fmt: skip
def test_a_part_of_a_file_can_be_asked_for(
    site: Door, asked: str, status: int, body: bytes, told: str | None
) -> None:
    """One range; what is no range is all of it."""
    answer = site.send("GET", "/what.ever", None, {"Range": asked})

    assert (answer.status, answer.body) == (status, body)
    assert answer.header("Content-Range") == told


def test_a_large_file_comes_whole_and_in_parts(site: Door) -> None:
    """Piece by piece, each the right one."""
    middle = site.send("GET", "/large.bin", None, {"Range": "bytes=300000-900000"})

    assert site.get("/large.bin").body == LARGE
    assert middle.body == LARGE[300_000:900_001]


def test_a_file_is_compressed_for_who_accepts_it(site: Door) -> None:
    """With `Vary`, for everybody."""
    packed = site.get("/page.html", Accept_Encoding="gzip")
    plain = site.get("/page.html")

    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body == PAGE
    assert packed.header("Vary") == plain.header("Vary") == "Accept-Encoding"


def test_files_can_be_served_below_a_path(serve: Serve, folder: Path) -> None:
    """`web.static_route`."""
    door = serve(web__static_folder=str(folder), web__static_route="/assets")

    assert door.get("/assets/what.ever").body == b"0123456789"
    assert door.get("/assets/").body == door.get("/assets").body == b"<h1>front</h1>"
    assert door.get("/what.ever").status == 404
    assert door.get("/assetswhat.ever").status == 404
