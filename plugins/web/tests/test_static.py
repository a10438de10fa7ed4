"""Files of a folder, fetched from a running server."""

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

from actionhero_web import compression
from actionhero_web.file_response import PIECE_BYTES, StaticFile
from actionhero_web.file_types import content_type_of
from actionhero_web.static import WHOLE_BYTES, StaticFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODIFIED_NS = 1_700_000_000_123_456_789
SECRET = "not for anybody"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files beside a secret one."""
    (tmp_path / "secret.txt").write_text(SECRET)
    folder = tmp_path / "assets"
    (folder / "docs").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "index.html").write_text("<h1>front page</h1>")
    (folder / "docs" / "index.html").write_text("<h1>docs</h1>")
    (folder / "docs" / "ä b%.txt").write_text("odd name")
    (folder / "data.unknown").write_bytes(b"0123456789")
    (folder / "nothing.txt").write_bytes(b"")
    (folder / ".env").write_text(SECRET)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(SECRET)
    (folder / "large.bin").write_bytes(os.urandom(3 * PIECE_BYTES + 17))
    (folder / "page.html").write_text("<p>all the same</p>" * 1000)
    os.utime(folder / "data.unknown", ns=(MODIFIED_NS, MODIFIED_NS))
    return folder


class Site:
    """A server for the files of one folder, and a client of it."""

    def __init__(self, files: StaticFiles) -> None:
        self.files = files
        self.port = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        file = await self.files.find(request.raw_path.partition("?")[0])
        if file is None:
            return web.Response(status=404, text="no such file")
        return await self.files.respond(request, file)

    async def raw(self, target: str, *headers: str, method: str = "GET") -> bytes:
        """Send a request exactly as it is written, and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def status(self, target: str) -> int:
        return int((await self.raw(target)).split()[1])


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    """The folder at `/`."""
    async for site in serve(StaticFiles(folder)):
        yield site


async def serve(files: StaticFiles) -> AsyncIterator[Site]:
    site = Site(files)
    runner = web.ServerRunner(web.Server(site.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that shows what was sent, not what it makes of it."""
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{site.port}",
        auto_decompress=False,
        skip_auto_headers=["Accept-Encoding"],
    ) as client:
        yield client


async def test_a_file_is_sent_as_it_is(client: aiohttp.ClientSession) -> None:
    """With all that a browser needs to keep it."""
    async with client.get("/data.unknown?v=2") as response:
        body = await response.read()

    assert (response.status, body) == (200, b"0123456789")
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert headers.pop("date")
    assert headers.pop("server")
    assert headers == {
        "content-type": "application/octet-stream",
        "content-length": "10",
        "etag": '"loyw3v5n-a"',
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "cache-control": "public, max-age=3600",
        "accept-ranges": "bytes",
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", "<h1>front page</h1>"),
        ("/index.html", "<h1>front page</h1>"),
        ("/docs", "<h1>docs</h1>"),
        ("/docs/", "<h1>docs</h1>"),
    ],
)
async def test_a_folder_is_answered_with_its_index(
    client: aiohttp.ClientSession, path: str, body: str
) -> None:
    """With and without a trailing slash."""
    async with client.get(path) as response:
        assert await response.text() == body
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_head_tells_the_same_without_the_body(client: aiohttp.ClientSession) -> None:
    """For each kind of file."""
    for path in ("/data.unknown", "/large.bin", "/nothing.txt", "/page.html", "/"):
        for accepted in ("identity", "gzip"):
            asked = {"Accept-Encoding": accepted}
            async with client.get(path, headers=asked) as got:
                body = await got.read()
            async with client.head(path, headers=asked) as head:
                assert await head.read() == b""
            told, expected = dict(head.headers), dict(got.headers)
            assert told.pop("Date")
            assert expected.pop("Date")
            assert (head.status, told) == (got.status, expected)
            assert told["Content-Length"] == str(len(body))


async def test_a_large_file_arrives_whole(client: aiohttp.ClientSession, folder: Path) -> None:
    """Though it is never in memory as a whole."""
    async with client.get("/large.bin") as response:
        assert await response.read() == (folder / "large.bin").read_bytes()


async def test_an_empty_file_is_a_file(client: aiohttp.ClientSession) -> None:
    """Of no bytes."""
    async with client.get("/nothing.txt") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == "0"


async def test_names_may_be_escaped(site: Site) -> None:
    """Umlauts, spaces and percent signs."""
    assert (await site.raw("/docs/%C3%A4%20b%25.txt")).endswith(b"odd name")
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
async def test_what_must_not_be_found_is_not(site: Site, target: str) -> None:
    """Nothing outside, nothing hidden, no list of files: as if it were not there."""
    answer = await site.raw(target)

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert SECRET.encode() not in answer


async def test_links_that_lead_out_are_not_followed(site: Site, folder: Path) -> None:
    """Neither to files nor to folders, nor round in circles."""
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "out").symlink_to(folder.parent)
    (folder / "hidden.txt").symlink_to(folder / ".env")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "empty" / "index.html").symlink_to(folder.parent / "secret.txt")

    for target in ("/out.txt", "/out/secret.txt", "/hidden.txt", "/circle", "/empty/"):
        assert await site.status(target) == 404


async def test_links_that_stay_inside_are_followed(site: Site, folder: Path) -> None:
    """The type goes by the name that was asked for."""
    (folder / "latest.html").symlink_to(folder / "data.unknown")

    answer = await site.raw("/latest.html")

    assert b"text/html; charset=utf-8" in answer
    assert answer.endswith(b"0123456789")


async def test_what_is_no_file_is_not_found(site: Site, folder: Path) -> None:
    """A pipe would never end."""
    os.mkfifo(folder / "pipe")

    assert await site.status("/pipe") == 404


async def test_the_folder_may_be_reached_by_a_link_and_be_hidden_itself(tmp_path: Path) -> None:
    """Only what lies inside is looked at."""
    real = tmp_path / ".data" / "assets"
    real.mkdir(parents=True)
    (real / "a.txt").write_text("here")
    (tmp_path / "link").symlink_to(real)

    for folder in (real, tmp_path / "link"):
        assert await StaticFiles(folder).find("/a.txt") is not None


async def test_a_folder_that_is_missing_has_no_files(tmp_path: Path) -> None:
    """It may come later."""
    files = StaticFiles(tmp_path / "later")
    assert await files.find("/a.txt") is None

    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.txt").write_text("here")

    assert await files.find("/a.txt") is not None


@pytest.mark.parametrize("route", ["/files", "files/", "/files/"])
async def test_a_folder_may_be_reached_by_a_path_of_its_own(folder: Path, route: str) -> None:
    """And by no other."""
    files = StaticFiles(folder, route)

    for path in ("/files/data.unknown", "/files", "/files/", "/files/docs"):
        assert await files.find(path) is not None
    for path in ("/data.unknown", "/", "/filesdata.unknown", "/files2", "/files/../data.unknown"):
        assert await files.find(path) is None


async def test_a_browser_that_has_the_file_is_told_so(client: aiohttp.ClientSession) -> None:
    """304, with the headers but without `Cache-Control`."""
    async with client.get("/", headers={"If-None-Match": '"x"'}) as first:
        tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in ({"If-None-Match": f'"y", W/{tag}'}, {"If-Modified-Since": date}):
        async with client.get("/", headers=condition) as again:
            assert (again.status, await again.read()) == (304, b"")
            assert again.headers["ETag"] == tag
            assert again.headers["Last-Modified"] == date
            assert again.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "Cache-Control" not in again.headers

    assert first.status == 200
    assert parsedate_to_datetime(date).tzinfo is not None


async def test_a_part_is_sent(client: aiohttp.ClientSession, folder: Path) -> None:
    """Also of a large file, from the middle to the end."""
    async with client.get("/data.unknown", headers={"Range": "bytes=2-4"}) as response:
        assert (response.status, await response.read()) == (206, b"234")
        assert response.headers["Content-Range"] == "bytes 2-4/10"
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        assert response.headers["ETag"]
    async with client.get("/large.bin", headers={"Range": f"bytes={PIECE_BYTES - 1}-"}) as response:
        assert await response.read() == (folder / "large.bin").read_bytes()[PIECE_BYTES - 1 :]


async def test_a_part_that_is_not_there_is_refused(client: aiohttp.ClientSession) -> None:
    """416, and how much there is."""
    async with client.get("/data.unknown", headers={"Range": "bytes=10-"}) as response:
        assert (response.status, await response.read()) == (416, b"")
        assert response.headers["Content-Range"] == "bytes */10"


async def test_several_answers_fit_one_connection(site: Site) -> None:
    """Whatever they were, the next one is read where it begins."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    requests = [
        "HEAD /large.bin HTTP/1.1\r\nHost: x\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: x\r\nRange: bytes=99-\r\n",
        'GET /data.unknown HTTP/1.1\r\nHost: x\r\nIf-Match: "x"\r\n',
        "GET /nothing.txt HTTP/1.1\r\nHost: x\r\n",
        "GET /data.unknown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
    ]
    writer.write("\r\n".join([*requests, ""]).encode())

    answer = await reader.read()

    writer.close()
    await writer.wait_closed()
    parts = answer.split(b"HTTP/1.1 ")[1:]
    assert [part[:3] for part in parts] == [b"200", b"304", b"416", b"412", b"200", b"200"]
    assert parts[-1].endswith(b"0123456789")


@pytest.mark.parametrize("encoding", compression.AVAILABLE)
async def test_text_is_compressed_for_who_can_read_it(
    site: Site, folder: Path, encoding: str
) -> None:
    """The second time it is taken from memory."""
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


async def test_who_cannot_read_it_gets_it_plain(client: aiohttp.ClientSession) -> None:
    """But caches learn that there are two."""
    async with client.get("/page.html") as response:
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
    async with client.get("/", headers={"Accept-Encoding": "gzip"}) as small:
        assert "Content-Encoding" not in small.headers
        assert "Vary" not in small.headers


async def test_a_part_is_never_compressed(client: aiohttp.ClientSession) -> None:
    """And who resumes what was compressed gets all of it again."""
    wanted = {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}
    async with client.get("/page.html", headers=wanted) as part:
        assert (part.status, await part.read()) == (206, b"<p>all the")
        assert "Content-Encoding" not in part.headers
    resumed = {**wanted, "If-Range": part.headers["ETag"]}
    async with client.get("/page.html", headers=resumed) as whole:
        assert whole.status == 200
        assert whole.headers["Content-Encoding"] == "gzip"


async def test_a_file_too_large_to_keep_is_sent_plain(site: Site, folder: Path) -> None:
    """Memory has an end."""
    (folder / "long.txt").write_bytes(b"x" * (WHOLE_BYTES + 1))

    head = (await site.raw("/long.txt", "Accept-Encoding: gzip")).partition(b"\r\n\r\n")[0]

    assert b"Content-Encoding" not in head
    assert b"200 OK" in head


@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_a_file_that_changes_under_our_hands_is_not_sent_half(
    folder: Path, change: str
) -> None:
    """The client is asked to try again, instead of getting a mixture."""
    files = StaticFiles(folder)
    found = await files.find("/page.html")
    if change == "replaced":
        (folder / "page.html").write_text("something else")
    else:
        (folder / "page.html").unlink()

    class Changed(Site):
        async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
            assert found is not None
            return await self.files.respond(request, found)

    site = Changed(files)
    runner = web.ServerRunner(web.Server(site.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    answers = [await site.raw("/"), await site.raw("/", "Accept-Encoding: gzip")]
    await runner.cleanup()

    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in answer
        assert b"ETag" not in answer
        assert b"Content-Encoding" not in answer


async def test_a_client_that_goes_away_leaves_no_file_open(site: Site, folder: Path) -> None:
    """Half a download is the client's business, an open file would be ours."""
    with (folder / "huge.bin").open("wb") as huge:
        huge.truncate(512 * 1024 * 1024)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readexactly(1000)
    assert _is_open(folder / "huge.bin")

    writer.transport.abort()

    async with asyncio.timeout(30):
        while _is_open(folder / "huge.bin"):
            # Not a guess at how long it takes: we look until it is so.
            await asyncio.to_thread(os.listdir, folder)


def _is_open(path: Path) -> bool:
    links = Path("/proc/self/fd")
    if not links.exists():
        pytest.skip("this system does not show which files are open")
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
def test_the_type_goes_by_the_name(name: str, content_type: str) -> None:
    """The same on every machine."""
    assert content_type_of(name) == content_type


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(["..", ".", "docs", "%2e", "%2f", "\\", ""])))
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, path: str | list[str]) -> None:
    """Whatever is asked for lies inside, or is not there."""
    root = tmp_path_factory.getbasetemp() / "inside"
    (root / "docs").mkdir(parents=True, exist_ok=True)
    (root / "docs" / "index.html").write_text("x")
    text = path if isinstance(path, str) else "/".join(path)

    file = asyncio.run(StaticFiles(root).find("/" + text))

    assert file is None or isinstance(file, StaticFile)
    assert file is None or Path(file.path).is_relative_to(root.resolve())
