"""No request reaches an action that the documented nginx has not passed as a request of its own.

The probes frame their bodies in ways that two readers may understand differently (RFC 9112,
sections 6 and 11.2).
Each hides a second request in a place that is a body for one of them.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.site import Site

HEAD: Final = "POST /api/write?id={id} HTTP/1.1\r\nHost: guestbook.example\r\n"
HIDDEN: Final = HEAD.format(id="hidden-{number}") + "Content-Length: 0\r\n\r\n"
#: A request that ends the connection, for probes that leave it open.
LAST: Final = HEAD.format(id="last-{number}") + "Content-Length: 0\r\nConnection: close\r\n\r\n"
#: How long a probe waits for a reader that expects more of its body.
PATIENCE_SECONDS: Final = 0.5

#: Values of `Transfer-Encoding`, with a length beside them that includes the hidden request.
ENCODINGS: Final = (
    *("chunked", "Chunked", "xchunked", "chunk", "identity", "gzip", "chunked,", ",chunked", ""),
    *("chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked", "chunked;q=1"),
    *(
        " chunked",
        "\tchunked",
        "chunked\t",
        "\x0bchunked",
        "chunked\x0b",
        "\x00chunked",
        "chunked\x00",
    ),
    *(
        '"chunked"',
        "'chunked'",
        "chunked\r\n ",
        "\r\n chunked",
        "chun\r\n ked",
        "chunked\xa0",
        "chunKed\x7f",
    ),
)
#: Names of headers that a lenient reader may take for `Transfer-Encoding`.
ENCODING_NAMES: Final = (
    *("Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "Transfer_Encoding"),
    *(
        "Transfer Encoding",
        "Transfer-Encoding\x00",
        "Transfer-Encoding\x0b",
        "X: y\nTransfer-Encoding",
    ),
    *(
        "X: y\rTransfer-Encoding",
        "X: y\r\n\tTransfer-Encoding",
        "\rTransfer-Encoding",
        "TRANSFER-ENCODING",
    ),
)
#: Values of `Content-Length`; `{length}` includes the hidden request.
LENGTHS: Final = (
    *("+{length}", "-{length}", "0x{length}", "{length} ", " {length}", "0{length}", "{length}.0"),
    *("{length},{length}", "{length}, 0", "0, {length}", "0 {length}", "{length};", "{length}\x00"),
    *("{length}\x0b", "-0", "+0", "", "0e1", "1_0", "\u0660", "{length}\r\n\r", "\r\n {length}"),
    *("99999999999999999999", "18446744073709551616", "-1", "NaN"),
)
#: The last chunk of a body; what follows is the hidden request.
LAST_CHUNKS: Final = (
    *(
        "0\r\n\r\n",
        "00\r\n\r\n",
        "0x0\r\n\r\n",
        "+0\r\n\r\n",
        "-0\r\n\r\n",
        " 0\r\n\r\n",
        "0 \r\n\r\n",
    ),
    *(
        "0;a=b\r\n\r\n",
        "0;\r\n\r\n",
        '0;a="\r\n\r\n',
        "0;a\n\r\n\r\n",
        "0;a\r\r\n\r\n",
        "0\n\n",
        "0\r\r\n\r\n",
    ),
    *("0\r\n\n", "0\n\r\n", "\r\n\r\n", "\n0\r\n\r\n", "0\x00\r\n\r\n", "0_0\r\n\r\n", "g\r\n\r\n"),
    *(
        "0\r\nContent-Length: 200\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\nHost: b\r\n\r\n",
    ),
    *("0\r\nX: y\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX y\r\n\r\n", "10000000000000000\r\n\r\n"),
    *(
        "-1\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\naa\r\n0\r\n\r\n",
        "1\r\n\r\n\r\n0\r\n\r\n",
    ),
)
#: Whole heads, with `{length}` for the hidden request.
HEADS: Final = (
    "POST /api/write?id={id} HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /api/write?id={id} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "POST /api/write?id={id}\r\n\r\n",
    "POST /api/write?id={id} HTTP/1.1\nHost: a\nContent-Length: {length}\n\n",
    "POST  /api/write?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "POST /api/write?id={id} HTTP/1.1 \r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "POST /api/write?id={id} HTTP/1.2\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "POST http://b/api/write?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "GET /api/read?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "HEAD /api/read?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "OPTIONS /api/read?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "DELETE /api/read?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "GET /api/nowhere?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "GET /healthz?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n",
    "GET /healthz?id={id} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + "Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
    HEAD + "Content-Length: {length}\r\nExpect: 200-maybe\r\n\r\n",
    HEAD + "Content-Length: 0\r\nContent-Length: {length}\r\n\r\n",
    HEAD + "Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n",
    HEAD + "Content-Length: {length}\r\nContent-Length : 0\r\n\r\n",
    HEAD + "Content-Length: {length}\r\nContent_Length: 0\r\n\r\n",
    HEAD + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + "Connection: Content-Length\r\nContent-Length: {length}\r\n\r\n",
    HEAD + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: {length}\r\n\r\n",
    HEAD + "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: {length}\r\n\r\n",
    HEAD + "X: y\r\r\n\r\n",
    HEAD + "X: y\r\n\rContent-Length: {length}\r\n\r\n",
    "GET /actionhero/ws?id={id} HTTP/1.1\r\nHost: a\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
)


def probes() -> Iterator[bytes]:
    """Yield the bytes of each probe; its number is in the identifiers of its requests."""
    texts = [
        *(
            HEAD + f"Transfer-Encoding: {value}\r\nContent-Length: {{length}}\r\n\r\n0\r\n\r\n"
            for value in ENCODINGS
        ),
        *(HEAD + f"Transfer-Encoding: {value}\r\n\r\n0\r\n\r\n" for value in ENCODINGS),
        *(
            HEAD + f"{name}: chunked\r\nContent-Length: {{length}}\r\n\r\n0\r\n\r\n"
            for name in ENCODING_NAMES
        ),
        *(HEAD + f"Content-Length: {value}\r\n\r\n" for value in LENGTHS),
        *(HEAD + f"Transfer-Encoding: chunked\r\n\r\n{chunk}" for chunk in LAST_CHUNKS),
        *HEADS,
    ]
    for number, text in enumerate(texts):
        hidden = HIDDEN.format(number=number)
        # The length reaches to the end of the hidden request, also where chunks come first.
        length = len(text.partition("\r\n\r\n")[2]) + len(hidden)
        framed = text.replace("{length}", str(length)).replace("{id}", f"outer-{number}")
        yield (framed + hidden + LAST.format(number=number)).encode("latin-1", "replace")


async def send(site: Site, probe: bytes) -> bytes:
    """Send a probe through nginx, and return what came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    received = bytearray()
    try:
        writer.write(probe)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while part := await reader.read(65_536):
                received += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return bytes(received)


def identifiers(text: str) -> Counter[str]:
    """Return the identifiers of requests that reached a server, by the log of nginx."""
    return Counter(
        match.group(1)
        for line in text.splitlines()
        # `-` stands for a request that was not passed on.
        if (match := re.search(r"[?]id=([a-z]+-\d+)", line)) and " 127.0.0.1:" in line
    )


@pytest.mark.parametrize("parser", ["C", "Python"])
async def test_what_nginx_passes_is_what_the_server_runs(site: Site, parser: str) -> None:
    """Each request that ran was passed by nginx, and a probe does not shift later responses."""
    environ = {"AIOHTTP_NO_EXTENSIONS": "1"} if parser == "Python" else {}
    # One server, so that nginx uses the same connections again.
    await site.servers[0].start(**environ)
    count = 0

    for number, probe in enumerate(probes()):
        await send(site, probe)
        after = await send(site, (LAST.replace("last-", "after-").format(number=number)).encode())
        assert f'"after-{number}"'.encode() in after, probe
        count += 1

    assert await site.servers[0].stop() == 0
    passed = identifiers((site.folder / "access.log").read_text("utf-8", "replace"))
    ran = Counter((site.folder / "writes").read_text("utf-8").split())
    assert ran <= passed, ran - passed
    # The hidden request is a request of its own after a body that both readers understand.
    assert any(identifier.startswith("hidden-") for identifier in ran)
    assert sum(identifier.startswith("after-") for identifier in ran) == count
