"""Static files, requested from a running server."""

from __future__ import annotations

import asyncio
import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from actionhero_web.files.file_response import CHUNK_BYTES, entity_tag
from actionhero_web.files.file_types import content_type_of
from actionhero_web.files.static import COMPRESS_BYTES, StaticFile, StaticFiles
from actionhero_web.responses import compression
from actionhero_web.responses.http_error import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODIFIED_NS = 1_700_000_000_123_456_789
SECRET = "top secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, and a secret file next to it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    folder = tmp_path / "assets"
    (folder / "docs").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "index.html").write_text("<h1>front page</h1>")
    (folder / "docs" / "index.html").write_text("<h1>docs</h1>")
    (folder / "docs" / "ä b%.txt").write_text("unusual name")
    (folder / "data.unknown").write_bytes(b"0123456789")
    (folder / "nothing.txt").write_bytes(b"")
    (folder / ".env").write_text(SECRET)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(SECRET)
    (folder / "large.bin").write_bytes(os.urandom(3 * CHUNK_BYTES + 17))
    (folder / "page.html").write_text("<p>all the same</p>" * 1000)
    os.utime(folder / "data.unknown", ns=(MODIFIED_NS, MODIFIED_NS))
    return folder


class Site:
    """A server for the files of one folder, with a client."""

    def __init__(self, files: StaticFiles) -> None:
        self.files = files
        self.port = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        file = await self.files.find(request.raw_path.partition("?")[0])
        if file is None:
            return web.Response(status=404, text="no such file")
        try:
            return await self.files.respond(request, file)
        except HttpError as error:
            # As the server does.
            document = {"error": {"message": error.message}}
            return web.json_response(document, status=error.status, headers=error.headers)

    async def send(self, target: str, *headers: str, method: str = "GET") -> bytes:
        """Send a request without normalization, and return the complete response."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        line = f"{method} {target} HTTP/1.1"
        lines = [line, "Host: localhost", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        response = await reader.read()
        writer.close()
        await writer.wait_closed()
        return response

    async def status(self, target: str) -> int:
        return int((await self.send(target)).split()[1])


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    """The folder at `/`."""
    async for site in serve(StaticFiles(folder)):
        yield site


async def serve(files: StaticFiles) -> AsyncIterator[Site]:
    site = Site(files)
    runner = web.ServerRunner(web.Server(site.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that does not decompress responses."""
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{site.port}",
        auto_decompress=False,
        skip_auto_headers=["Accept-Encoding"],
    ) as client:
        yield client


async def test_a_file_is_sent_with_caching_headers(client: aiohttp.ClientSession) -> None:
    """The headers are complete and exact."""
    async with client.get("/data.unknown?v=2") as response:
        body = await response.read()

    assert (response.status, body) == (200, b"0123456789")
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert headers.pop("date")
    assert headers.pop("server")
    assert headers == {
        "content-type": "application/octet-stream",
        "content-length": "10",
        "etag": '"17979cfe3d85cd15-a"',
        "last-modified": "Tue, 14 Nov 2023 22:13:21 GMT",
        "cache-control": "public, max-age=3600",
        "accept-ranges": "bytes",
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", "<h1>front page</h1>"),
        ("/index.html", "<h1>front page</h1>"),
        ("/docs/", "<h1>docs</h1>"),
    ],
)
async def test_the_path_of_a_folder_serves_its_index(
    client: aiohttp.ClientSession, path: str, body: str
) -> None:
    """As HTML."""
    async with client.get(path) as response:
        assert await response.text() == body
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/docs", "./docs/"),
        ("/docs?a=/b", "./docs/?a=/b"),
        ("/docs/a:b", "./a:b/"),
        ("/docs/%C3%A4", "./%C3%A4/"),
    ],
)
async def test_the_path_of_a_folder_without_slash_is_redirected(
    site: Site, client: aiohttp.ClientSession, folder: Path, path: str, location: str
) -> None:
    """Otherwise a browser resolves relative links in the index against the parent folder."""
    for name in ("a:b", "ä"):
        (folder / "docs" / name).mkdir()
        (folder / "docs" / name / "index.html").write_text("<h1>docs</h1>")
    url = URL(f"http://127.0.0.1:{site.port}{path}", encoded=True)

    async with client.get(url, allow_redirects=False) as response:
        assert (response.status, await response.read()) == (301, b"")
        assert response.headers["Location"] == location
    async with client.get(url) as redirected:
        assert await redirected.text() == "<h1>docs</h1>"


async def test_well_known_files_are_served(site: Site, folder: Path) -> None:
    """At the top of the folder (RFC 8615); other hidden files in it are not served."""
    for name in (".well-known", "docs/.well-known", ".well-known/.hidden"):
        (folder / name).mkdir()
        (folder / name / "security.txt").write_text("Contact: x")

    assert (await site.send("/.well-known/security.txt")).endswith(b"Contact: x")
    assert await site.status("/%2ewell-known/security.txt") == 200
    for target in (
        "/docs/.well-known/security.txt",
        "/.well-known/.hidden/security.txt",
        "/.well-known",
        "/.well-known/",
        "/.Well-Known/security.txt",
        "/.well-known/../.env",
    ):
        assert await site.status(target) == 404


async def test_head_gets_the_same_headers_without_the_body(client: aiohttp.ClientSession) -> None:
    """For small, large, empty and compressed files."""
    for path in ("/data.unknown", "/large.bin", "/nothing.txt", "/page.html", "/"):
        for accepted in ("identity", "gzip"):
            request_headers = {"Accept-Encoding": accepted}
            async with client.get(path, headers=request_headers) as get:
                body = await get.read()
            async with client.head(path, headers=request_headers) as head:
                assert await head.read() == b""
            headers, expected = dict(head.headers), dict(get.headers)
            assert headers.pop("Date")
            assert expected.pop("Date")
            assert (head.status, headers) == (get.status, expected)
            assert headers["Content-Length"] == str(len(body))


async def test_a_large_file_is_sent_completely(client: aiohttp.ClientSession, folder: Path) -> None:
    """It is sent in chunks."""
    async with client.get("/large.bin") as response:
        assert await response.read() == (folder / "large.bin").read_bytes()


async def test_the_connection_continues_after_a_large_file(site: Site) -> None:
    """With the event loop of asyncio too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for connection in ("keep-alive", "keep-alive", "close"):
        writer.write(
            f"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(await reader.readexactly(3 * CHUNK_BYTES + 17)) == 3 * CHUNK_BYTES + 17
    assert await reader.read() == b""
    writer.close()


async def test_an_empty_file_is_sent(client: aiohttp.ClientSession) -> None:
    """The response has an empty body."""
    async with client.get("/nothing.txt") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == "0"


async def test_names_may_be_percent_encoded(site: Site) -> None:
    """For umlauts, spaces and percent signs."""
    assert (await site.send("/docs/%C3%A4%20b%25.txt")).endswith(b"unusual name")
    assert await site.status("/d%6fcs/") == 200


@pytest.mark.parametrize(
    "target",
    [
        "/missing.txt",
        "/empty",
        "/empty/",
        "/data.unknown/",
        "/data.unknown/x",
        "//data.unknown",
        "/docs//index.html",
        "/docs/index.html//",
        "/DATA.unknown",
        "/../secret.txt",
        "/docs/../../secret.txt",
        "/docs/../data.unknown",
        "/./data.unknown",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/docs%2f..%2f..%2fsecret.txt",
        "/docs%2findex.html",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/docs\\index.html",
        "/docs%5Cindex.html",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/data.unknown%00.txt",
        "/%00",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/docs/../.env",
        "/%",
        "/%zz",
        "/%ff",
        "/...",
        "/" + "x" * 5000,
        "/" + "x/" * 2000,
        "/~root",
        "/C:/secret.txt",
    ],
)
async def test_files_that_are_not_public_get_404(site: Site, target: str) -> None:
    """Files outside the folder, hidden files and directory listings are not served."""
    response = await site.send(target)

    assert response.startswith(b"HTTP/1.1 404 ")
    assert SECRET.encode() not in response


async def test_links_to_the_outside_are_not_followed(site: Site, folder: Path) -> None:
    """Neither links to files or folders, nor circular links."""
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "out").symlink_to(folder.parent)
    (folder / "hidden.txt").symlink_to(folder / ".env")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "empty" / "index.html").symlink_to(folder.parent / "secret.txt")

    for target in ("/out.txt", "/out/secret.txt", "/hidden.txt", "/circle", "/empty/"):
        assert await site.status(target) == 404


async def test_links_within_the_folder_are_followed(site: Site, folder: Path) -> None:
    """The media type is that of the requested name."""
    (folder / "latest.html").symlink_to(folder / "data.unknown")

    response = await site.send("/latest.html")

    assert b"text/html; charset=utf-8" in response
    assert response.endswith(b"0123456789")


async def test_only_regular_files_are_served(site: Site, folder: Path) -> None:
    """Reading a pipe would block."""
    os.mkfifo(folder / "pipe")

    assert await site.status("/pipe") == 404


async def test_the_folder_itself_may_be_a_link_or_hidden(tmp_path: Path) -> None:
    """Only names within the folder are checked."""
    real = tmp_path / ".data" / "assets"
    real.mkdir(parents=True)
    (real / "a.txt").write_text("content")
    (tmp_path / "link").symlink_to(real)

    for folder in (real, tmp_path / "link"):
        assert await StaticFiles(folder).find("/a.txt") is not None


async def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    """It may be created later."""
    files = StaticFiles(tmp_path / "later")
    assert await files.find("/a.txt") is None

    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.txt").write_text("content")

    assert await files.find("/a.txt") is not None


@pytest.mark.parametrize("route", ["/files", "files/", "/files/"])
async def test_a_folder_may_have_its_own_path(folder: Path, route: str) -> None:
    """Its files are not served at other paths."""
    files = StaticFiles(folder, route)

    for path in ("/files/data.unknown", "/files", "/files/", "/files/docs"):
        assert await files.find(path) is not None
    for path in ("/data.unknown", "/", "/filesdata.unknown", "/files2", "/files/../data.unknown"):
        assert await files.find(path) is None


async def test_an_unchanged_file_gets_304(client: aiohttp.ClientSession) -> None:
    """The response has the headers of the file."""
    async with client.get("/", headers={"If-None-Match": '"x"'}) as first:
        tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in ({"If-None-Match": f'"y", W/{tag}'}, {"If-Modified-Since": date}):
        async with client.get("/", headers=condition) as again:
            assert (again.status, await again.read()) == (304, b"")
            assert again.headers["ETag"] == tag
            assert again.headers["Last-Modified"] == date
            assert again.headers["Content-Type"] == "text/html; charset=utf-8"
            assert again.headers["Cache-Control"] == "public, max-age=3600"

    assert first.status == 200
    assert parsedate_to_datetime(date).tzinfo is not None


async def test_a_range_request_gets_a_part_of_the_file(
    client: aiohttp.ClientSession, folder: Path
) -> None:
    """Of a small file, and of a large one from the middle to the end."""
    async with client.get("/data.unknown", headers={"Range": "bytes=2-4"}) as response:
        assert (response.status, await response.read()) == (206, b"234")
        assert response.headers["Content-Range"] == "bytes 2-4/10"
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        assert response.headers["ETag"]
    async with client.get("/large.bin", headers={"Range": f"bytes={CHUNK_BYTES - 1}-"}) as response:
        assert await response.read() == (folder / "large.bin").read_bytes()[CHUNK_BYTES - 1 :]


@pytest.mark.parametrize(
    ("range_header", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("Bytes=5-8", 206, b"5678", "bytes 5-8/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-999999999999999999", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=99-100", 416, None, "bytes */10"),
        ("bytes=-0", 200, b"0123456789", None),
        ("bytes=9-5", 200, b"0123456789", None),
        ("bytes=99-98", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,5-6", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("bytes=" + "9" * 5000 + "-", 200, b"0123456789", None),
        ("", 200, b"0123456789", None),
    ],
)
async def test_a_single_range_is_supported(
    client: aiohttp.ClientSession,
    range_header: str,
    status: int,
    body: bytes | None,
    content_range: str | None,
) -> None:
    """Unsupported and invalid ranges get the whole file; one after its end gets an error."""
    async with client.get("/data.unknown", headers={"Range": range_header}) as response:
        assert response.status == status
        if body is None:
            message = (await response.json())["error"]["message"]
            assert message == "The range begins after the end of the file"
        else:
            assert await response.read() == body
        assert response.headers.get("Content-Range") == content_range
        assert ("Cache-Control" in response.headers) is (status != 416)


async def test_an_empty_file_has_no_satisfiable_range(client: aiohttp.ClientSession) -> None:
    """Every range of it gets 416."""
    for range_header in ("bytes=0-", "bytes=-5"):
        async with client.get("/nothing.txt", headers={"Range": range_header}) as response:
            assert response.status == 416


async def test_head_ignores_the_range(client: aiohttp.ClientSession) -> None:
    """Ranges are defined for `GET` only."""
    for path in ("/data.unknown", "/page.html"):
        for accepted in ("identity", "gzip"):
            headers = {"Range": "bytes=0-1", "Accept-Encoding": accepted}
            async with client.head(path, headers=headers) as response:
                assert response.status == 200
                assert "Content-Range" not in response.headers


async def test_a_range_is_sent_only_if_if_range_matches(client: aiohttp.ClientSession) -> None:
    """Otherwise the client would join parts of two versions."""
    async with client.head("/data.unknown") as head:
        tag, date = head.headers["ETag"], head.headers["Last-Modified"]
    for condition, status in ((tag, 206), (f"W/{tag}", 200), ('"x"', 200), (date, 200), ("", 200)):
        headers = {"Range": "bytes=1-2", "If-Range": condition}
        async with client.get("/data.unknown", headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize("encoding", compression.AVAILABLE)
async def test_the_entity_tag_differs_between_encodings(
    client: aiohttp.ClientSession, encoding: str
) -> None:
    """A compressed file has a weak tag, with which no range of the file is sent."""
    async with client.get("/page.html") as plain:
        strong = plain.headers["ETag"]
    async with client.get("/page.html", headers={"Accept-Encoding": encoding}) as compressed:
        weak, date = compressed.headers["ETag"], compressed.headers["Last-Modified"]

    assert weak == f"W/{strong}"
    for condition in (weak, date):
        for accepted in ("identity", encoding):
            headers = {"Range": "bytes=9-", "If-Range": condition, "Accept-Encoding": accepted}
            async with client.get("/page.html", headers=headers) as resumed:
                assert resumed.status == 200
    for tag in (weak, strong):
        headers = {"If-None-Match": tag, "Accept-Encoding": encoding}
        async with client.get("/page.html", headers=headers) as again:
            assert again.status == 304
            for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
                assert again.headers[name] == compressed.headers[name]
    headers = {"If-Match": weak, "Accept-Encoding": encoding}
    async with client.get("/page.html", headers=headers) as failed:
        assert failed.status == 412
        assert (await failed.json())["error"]["message"] == "The file has changed"


@pytest.mark.parametrize(
    ("accept_encoding", "body"),
    [("gzip", b"gz"), ("gzip;q=0", b"plain"), ("*", b"gz"), ("*;q=0", b"plain"), ("", b"plain")],
)
async def test_a_compressed_file_next_to_a_large_file_is_sent(
    client: aiohttp.ClientSession, folder: Path, accept_encoding: str, body: bytes
) -> None:
    """If the client accepts its encoding."""
    (folder / "long.txt").write_bytes(b"plain" * COMPRESS_BYTES)
    (folder / "long.txt.gz").write_bytes(b"gz" * 10)

    async with client.get("/long.txt", headers={"Accept-Encoding": accept_encoding}) as response:
        assert (await response.read()).startswith(body)
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers.get("Content-Encoding") == ("gzip" if body == b"gz" else None)


async def test_one_connection_carries_several_responses(site: Site) -> None:
    """After every kind of response, the next request is handled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    requests = [
        "HEAD /large.bin HTTP/1.1\r\nHost: localhost\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: localhost\r\nRange: bytes=99-\r\n",
        'GET /data.unknown HTTP/1.1\r\nHost: localhost\r\nIf-Match: "x"\r\n',
        "GET /nothing.txt HTTP/1.1\r\nHost: localhost\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
    ]
    writer.write("\r\n".join([*requests, ""]).encode())

    received = await reader.read()

    writer.close()
    await writer.wait_closed()
    responses = received.split(b"HTTP/1.1 ")[1:]
    statuses = [response[:3] for response in responses]
    assert statuses == [b"200", b"304", b"416", b"412", b"200", b"200"]
    assert responses[-1].endswith(b"0123456789")


@pytest.mark.parametrize("encoding", compression.AVAILABLE)
async def test_text_is_compressed_if_the_client_accepts_it(
    site: Site, folder: Path, encoding: str
) -> None:
    """The second response comes from the cache, until the file changes."""
    base = f"http://127.0.0.1:{site.port}"
    headers = {"Accept-Encoding": encoding}
    content = (folder / "page.html").read_bytes()
    for _ in range(2):
        async with (
            aiohttp.ClientSession(base) as client,
            client.get("/page.html", headers=headers) as response,
        ):
            assert await response.read() == content
            assert response.headers["Content-Encoding"] == encoding
            assert response.headers["Vary"] == "Accept-Encoding"
            assert int(response.headers["Content-Length"]) < len(content) / 10

    (folder / "page.html").write_text("<p>changed</p>" * 1000)

    async with (
        aiohttp.ClientSession(base) as client,
        client.get("/page.html", headers=headers) as response,
    ):
        assert await response.text() == "<p>changed</p>" * 1000


async def test_text_is_not_compressed_if_the_client_does_not_accept_it(
    client: aiohttp.ClientSession,
) -> None:
    """The response varies by encoding for caches."""
    async with client.get("/page.html") as response:
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
    async with client.get("/", headers={"Accept-Encoding": "gzip"}) as small:
        assert "Content-Encoding" not in small.headers
        assert "Vary" not in small.headers


async def test_a_range_is_not_compressed(client: aiohttp.ClientSession) -> None:
    """A client that resumes a compressed download gets the complete file."""
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}
    async with client.get("/page.html", headers=headers) as part:
        assert (part.status, await part.read()) == (206, b"<p>all the")
        assert "Content-Encoding" not in part.headers
    resumed = {**headers, "If-Range": part.headers["ETag"]}
    async with client.get("/page.html", headers=resumed) as complete:
        assert complete.status == 200
        assert complete.headers["Content-Encoding"] == "gzip"


async def test_a_large_file_is_not_compressed(site: Site, folder: Path) -> None:
    """The compressed content would not fit into the cache."""
    (folder / "long.txt").write_bytes(b"x" * (COMPRESS_BYTES + 1))

    head = (await site.send("/long.txt", "Accept-Encoding: gzip")).partition(b"\r\n\r\n")[0]

    assert b"Content-Encoding" not in head
    assert b"200 OK" in head


@pytest.mark.parametrize("accept_encoding", ["identity", "gzip"])
@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_a_file_may_change_after_its_lookup(
    folder: Path, change: str, accept_encoding: str
) -> None:
    """The new version is sent with its own tag, and an error is not cached."""

    class Changing(StaticFiles):
        async def find(self, encoded_path: str) -> StaticFile | None:
            file = await super().find(encoded_path)
            if change == "replaced":
                (folder / "page.html").write_text("something else")
            else:
                (folder / "page.html").unlink(missing_ok=True)
            return file

    file = await StaticFiles(folder).find("/page.html")
    assert file is not None
    async for site in serve(Changing(folder)):
        response = await site.send("/page.html", f"Accept-Encoding: {accept_encoding}")

    if change == "replaced":
        assert response.endswith(b"something else")
        assert f'ETag: "{entity_tag(file.status)}"'.encode() not in response
    else:
        assert response.startswith(b"HTTP/1.1 404 ")
        assert b"Cache-Control" not in response
        assert b"ETag" not in response
    assert b"Content-Encoding" not in response


async def test_a_file_that_is_truncated_closes_the_connection(site: Site, folder: Path) -> None:
    """The client does not take the next response for the rest of the file."""
    path = folder / "huge.bin"
    with path.open("wb") as huge:
        huge.truncate(512 * 1024 * 1024)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    await reader.readexactly(1000)

    os.truncate(path, 0)
    received = await reader.read()

    assert len(received) < 512 * 1024 * 1024
    assert b"HTTP/1.1" not in received
    writer.close()


async def test_a_disconnect_closes_the_file(site: Site, folder: Path) -> None:
    """An interrupted download leaves no file open."""
    with (folder / "huge.bin").open("wb") as huge:
        huge.truncate(512 * 1024 * 1024)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readexactly(1000)
    assert _is_open(folder / "huge.bin")

    writer.transport.abort()

    async with asyncio.timeout(30):
        while _is_open(folder / "huge.bin"):
            # Poll until the file is closed.
            await asyncio.to_thread(os.listdir, folder)


def _is_open(path: Path) -> bool:
    links = Path("/proc/self/fd")
    if not links.exists():
        pytest.skip("this system has no /proc/self/fd")
    for link in links.iterdir():
        try:
            if link.readlink() == path.resolve():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("favicon.ico", "image/x-icon"),
        ("a.webp", "image/webp"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_media_type_depends_on_the_name(name: str, content_type: str) -> None:
    """It is the same on every machine."""
    assert content_type_of(name) == content_type


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(["..", ".", "docs", "%2e", "%2f", "\\", ""])))
def test_no_path_escapes_the_folder(
    tmp_path_factory: pytest.TempPathFactory, path: str | list[str]
) -> None:
    """Every path is a file within the folder, or is not found."""
    root = tmp_path_factory.getbasetemp() / "inside"
    (root / "docs").mkdir(parents=True, exist_ok=True)
    (root / "docs" / "index.html").write_text("x")
    text = path if isinstance(path, str) else "/".join(path)

    file = asyncio.run(StaticFiles(root).find("/" + text))

    assert file is None or isinstance(file, StaticFile)
    assert file is None or Path(file.path).is_relative_to(root.resolve())
