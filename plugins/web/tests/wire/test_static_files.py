"""Static files, over HTTP."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.wire.conftest import HttpClient, Serve

SECRET = b"top secret"
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
    (folder / "docs" / "ä b.txt").write_text("content")
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
def site(serve: Serve, client: HttpClient, folder: Path) -> HttpClient:
    return serve(web__static_folder=str(folder), web__error_format=client.error_format)


def test_a_file_has_its_media_type_and_caching_headers(site: HttpClient) -> None:
    """The date is rounded up to a second."""
    response = site.get("/what.ever")

    assert (response.status, response.body) == (200, b"0123456789")
    assert response.header("Content-Type") == "application/octet-stream"
    assert response.header("ETag") == '"17979cfe3d85cd15-a"'
    assert response.header("Last-Modified") == "Tue, 14 Nov 2023 22:13:21 GMT"
    assert response.header("Cache-Control") == "public, max-age=3600"
    assert response.header("Content-Length") == "10"
    assert response.header("Set-Cookie") is None


@pytest.mark.parametrize(
    ("target", "media_type"),
    [("/index.html", "text/html; charset=utf-8"), ("/horn.svg", "image/svg+xml"),
     ("/nothing.txt", "text/plain; charset=utf-8"), ("/large.bin", "application/octet-stream")],
)  # fmt: skip
def test_the_media_type_depends_on_the_extension(
    site: HttpClient, target: str, media_type: str
) -> None:
    """Unknown extensions have `application/octet-stream`."""
    assert site.get(target).header("Content-Type") == media_type


def test_a_folder_serves_its_index(site: HttpClient) -> None:
    """Without a slash at the end, its path is redirected."""
    assert site.get("/").body == b"<h1>front</h1>"
    assert site.get("/docs").status == 301
    assert site.get("/docs").header("Location") == "./docs/"
    assert site.get("/docs/").body == b"<h1>docs</h1>"
    assert site.get("/docs/%C3%A4%20b.txt?v=1").body == b"content"


@pytest.mark.parametrize(
    "target",
    ["/empty", "/empty/", "/index.html/", "/nowhere", "/../secret.txt", "/%2e%2e/secret.txt",
     "/docs/../../secret.txt", "/..%2fsecret.txt", "/.env", "/.git/config", "/%2egit/config",
     "/link.txt", "//secret.txt", "/docs//index.html", "/what.ever%00", "/%", "/INDEX.HTML",
     "/./index.html", "/..%5csecret.txt", "/" + "x" * 5000],
)  # fmt: skip
def test_files_that_are_not_public_are_404(site: HttpClient, target: str) -> None:
    """Files outside the folder, hidden files and directory listings."""
    response = site.get(target)

    assert response.status == 404
    assert response.error["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert SECRET not in response.body


def test_actions_and_probes_take_precedence_over_files(site: HttpClient) -> None:
    """All paths below the prefix belong to the actions."""
    for target in ("/api/status", "/livez", "/page"):
        response = site.get(target)

        assert response.status == 200
        assert SECRET not in response.body
    assert site.get("/api/index.html").status == 404


def test_head_gets_headers_only(site: HttpClient) -> None:
    """They are those of `GET`."""
    for target in ("/page.html", "/large.bin", "/"):
        get, head = site.get(target), site.send("HEAD", target)

        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Cache-Control"):
            assert head.header(name) == get.header(name), name


def test_other_methods_are_not_allowed_for_files(site: HttpClient) -> None:
    """405 for an existing file, 404 for a missing one."""
    for method in ("POST", "DELETE", "PUT"):
        response = site.send(method, "/page.html")

        assert response.status == (405 if site.error_format == "standard" else 404)
        assert response.header("Allow") == "GET, HEAD, OPTIONS"
        assert site.send(method, "/nowhere").status == 404
        assert site.send(method, "/nowhere").header("Allow") is None
    assert site.send("POST", "/page").header("Allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "header", ["{tag}", "W/{tag}", '"other", {tag}', '"other",W/{tag}', "*", ' {tag} , "x"']
)
def test_if_none_match_of_the_tag_is_304(site: HttpClient, header: str) -> None:
    """By weak comparison, in lists, and with a star; without a body, and with the tag."""
    tag = site.get("/what.ever").header("ETag") or ""

    for method in ("GET", "HEAD"):
        response = site.send(method, "/what.ever", None, {"If-None-Match": header.format(tag=tag)})

        assert (response.status, response.body) == (304, b"")
        assert response.header("ETag") == tag
        assert response.header("Cache-Control") == "public, max-age=3600"


@pytest.mark.parametrize(
    "header", ['"other"', "", "invalid", '"17979cfe3d85cd15-b"', "17979cfe3d85cd15-a"]
)
def test_if_none_match_of_another_tag_gets_the_file(site: HttpClient, header: str) -> None:
    """With its complete content."""
    response = site.send("GET", "/what.ever", None, {"If-None-Match": header})

    assert (response.status, response.body) == (200, b"0123456789")


def test_if_modified_since_is_compared_by_seconds(site: HttpClient) -> None:
    """It is ignored together with `If-None-Match`."""
    same = {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:21 GMT"}
    earlier = {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}
    other = {**same, "If-None-Match": '"other"'}
    invalid = {"If-Modified-Since": "yesterday"}

    statuses = [
        site.send("GET", "/what.ever", None, headers).status
        for headers in (same, earlier, other, invalid)
    ]

    assert statuses == [304, 200, 200, 200]


@pytest.mark.parametrize(
    ("range_header", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"), ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=x", 200, b"0123456789", None),
        ("bytes=3-1", 200, b"0123456789", None), ("lines=0-3", 200, b"0123456789", None),
        ("bytes=-0", 200, b"0123456789", None),
    ],
)  # fmt: skip
def test_a_range_of_a_file_can_be_requested(
    site: HttpClient, range_header: str, status: int, body: bytes, content_range: str | None
) -> None:
    """One range; invalid ranges get the complete file."""
    response = site.send("GET", "/what.ever", None, {"Range": range_header})

    assert (response.status, response.body) == (status, body)
    assert response.header("Content-Range") == content_range


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_failed_conditions_and_ranges_have_the_error_document(
    site: HttpClient, encoding: str
) -> None:
    """That of other errors, in each format."""
    headers = {"Accept-Encoding": encoding}
    range_ = site.send("GET", "/page.html", None, {"Range": "bytes=999999-", **headers})
    condition = site.send("GET", "/page.html", None, {"If-Match": '"other"', **headers})

    assert (range_.status, range_.header("Content-Range")) == (416, f"bytes */{len(PAGE)}")
    assert range_.error["message"] == "The range begins after the end of the file"
    assert condition.status == 412
    assert condition.error["message"] == "The file has changed"
    for response in (range_, condition):
        assert response.header("Cache-Control") is None


def test_a_large_file_is_sent_completely_and_by_range(site: HttpClient) -> None:
    """Both have the correct content."""
    middle = site.send("GET", "/large.bin", None, {"Range": "bytes=300000-900000"})

    assert site.get("/large.bin").body == LARGE
    assert middle.body == LARGE[300_000:900_001]


def test_a_file_is_compressed_if_the_client_accepts_it(site: HttpClient) -> None:
    """With `Vary` in both responses."""
    compressed = site.get("/page.html", Accept_Encoding="gzip")
    plain = site.get("/page.html")

    assert compressed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(compressed.body) == plain.body == PAGE
    assert compressed.header("Vary") == plain.header("Vary") == "Accept-Encoding"


def test_files_can_be_served_below_a_path(serve: Serve, folder: Path) -> None:
    """With `web.static_route`."""
    client = serve(web__static_folder=str(folder), web__static_route="/assets")

    assert client.get("/assets/what.ever").body == b"0123456789"
    assert client.get("/assets/").body == b"<h1>front</h1>"
    assert client.get("/assets").header("Location") == "./assets/"
    assert client.get("/what.ever").status == 404
    assert client.get("/assetswhat.ever").status == 404
