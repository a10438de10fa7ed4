"""One table of request heads and chunked bodies: the same responses with both parsers of aiohttp.

The requests are sent as exact bytes. A rejected request gets its response without an end of the
data, and the connection is closed, so that no further bytes are read as a request.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Serve

HOST = b"Host: localhost\r\n"
GET = b"GET /api/user/me HTTP/1.1\r\n" + HOST
POST = b"POST /api/echo HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"


def request_line(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + END


def host(value: bytes) -> bytes:
    return b"GET /api/user/me HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


def header(line: bytes) -> bytes:
    return GET + line + b"\r\n\r\n"


def post(lines: bytes, body: bytes = b"{}") -> bytes:
    return POST + lines + b"\r\n\r\n" + body


REJECTED: dict[str, tuple[int, bytes]] = {
    "long cookies": (431, header(b"\r\n".join([b"Cookie: a=" + b"x" * 5000] * 2))),
    # The request line.
    "no version": (400, request_line(b"GET /api/user/me")),
    "HTTP/0.9": (505, request_line(b"GET /api/user/me HTTP/0.9")),
    "HTTP/1.2": (505, request_line(b"GET /api/user/me HTTP/1.2")),
    "HTTP/2.0": (505, request_line(b"GET /api/user/me HTTP/2.0")),
    "HTTP/3.7": (505, request_line(b"GET /api/user/me HTTP/3.7")),
    "preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "lowercase protocol": (400, request_line(b"GET /api/user/me http/1.1")),
    "other protocol": (400, request_line(b"GET /api/user/me HTCPCP/1.1")),
    "version of two digits": (400, request_line(b"GET /api/user/me HTTP/1.10")),
    "version without minor": (400, request_line(b"GET /api/user/me HTTP/1")),
    "signed version": (400, request_line(b"GET /api/user/me HTTP/+1.1")),
    "space after the version": (400, request_line(b"GET /api/user/me HTTP/1.1 ")),
    "two spaces": (400, request_line(b"GET  /api/user/me HTTP/1.1")),
    "tab": (400, request_line(b"GET\t/api/user/me HTTP/1.1")),
    "space before the method": (400, request_line(b" GET /api/user/me HTTP/1.1")),
    "space in the target": (400, request_line(b"GET /api/user me HTTP/1.1")),
    "NUL in the target": (400, request_line(b"GET /api/\x00 HTTP/1.1")),
    "DEL in the target": (400, request_line(b"GET /api/\x7f HTTP/1.1")),
    "not ASCII in the target": (400, request_line(b"GET /api/caf\xc3\xa9 HTTP/1.1")),
    "fragment": (400, request_line(b"GET /api/user/me#x HTTP/1.1")),
    "target without slash": (400, request_line(b"GET api/user/me HTTP/1.1")),
    "asterisk": (400, request_line(b"GET * HTTP/1.1")),
    "empty target": (400, request_line(b"GET  HTTP/1.1")),
    "other scheme": (400, request_line(b"GET ftp://localhost/ HTTP/1.1")),
    "URL without authority": (400, request_line(b"GET http:///api/user/me HTTP/1.1")),
    "URL with a user": (400, request_line(b"GET http://u@localhost/ HTTP/1.1")),
    "URL of another host": (400, request_line(b"GET http://evil.example/ HTTP/1.1")),
    "URL of another host than Host": (400, request_line(b"GET http://app.localhost/ HTTP/1.1")),
    "URL of another port than Host": (400, request_line(b"GET http://localhost:1/ HTTP/1.1")),
    "URL with another host in Host": (
        400, b"GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ),
    "unknown method": (501, request_line(b"BREW /api/user/me HTTP/1.1")),
    "lowercase method": (501, request_line(b"get /api/user/me HTTP/1.1")),
    "CONNECT": (501, request_line(b"CONNECT localhost:80 HTTP/1.1")),
    "CONNECT of a path": (501, request_line(b"CONNECT /api/user/me HTTP/1.1")),
    "method with a delimiter": (400, request_line(b"G(ET /api/user/me HTTP/1.1")),
    "method with NUL": (400, request_line(b"G\x00ET /api/user/me HTTP/1.1")),
    "long target": (414, request_line(b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
    "endless target": (414, b"GET /" + b"a" * 9000),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "NUL": (400, b"\x00"),
    # Line ends.
    "LF after the request line": (400, b"GET /api/user/me HTTP/1.1\n" + HOST + END),
    "LF only": (400, b"GET /api/user/me HTTP/1.1\nHost: localhost\n\n"),
    "LF after a header": (400, GET + b"A: b\n" + END),
    "LF as the empty line": (400, GET + b"\n"),
    "CR after a header": (400, header(b"A: b\rC: d")),
    "CR CR LF": (400, header(b"A: b\r")),
    "LF before the request": (400, b"\n" + GET + END),
    # Headers.
    "no colon": (400, header(b"A")),
    "no name": (400, header(b": b")),
    "space before the colon": (400, header(b"A : b")),
    "space in the name": (400, header(b"A b: c")),
    "folded line": (400, header(b"A: b\r\n c")),
    "folded first line": (400, b"GET /api/user/me HTTP/1.1\r\n A: b\r\n" + HOST + END),
    "NUL in a value": (400, header(b"A: b\x00")),
    "control in a value": (400, header(b"A: b\x01")),
    "DEL in a value": (400, header(b"A: b\x7f")),
    "not ASCII in a name": (400, header(b"\xc3\xa4: b")),
    "delimiter in a name": (400, header(b"A(b): c")),
    "long header": (431, header(b"A: " + b"b" * 9000)),
    "long name": (431, header(b"A" * 9000 + b": b")),
    "endless header": (431, GET + b"A: " + b"b" * 9000),
    "many headers": (431, GET + b"A: b\r\n" * 200 + END),
    "endless headers": (431, GET + b"A: b\r\n" * 200),
    "large head": (431, GET + b"".join(b"A%d: " % i + b"b" * 8000 + END for i in range(20)) + END),
    # `Host`.
    "no Host": (400, b"GET /api/user/me HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, GET + HOST + END),
    "empty Host": (400, host(b"")),
    "Host with a user": (400, host(b"user@localhost")),
    "list of Hosts": (400, host(b"localhost,localhost")),
    "Host with a space": (400, host(b"local host")),
    "Host with a path": (400, host(b"localhost/")),
    "Host with a backslash": (400, host(b"localhost\\a")),
    "Host with a query": (400, host(b"localhost?a")),
    "Host with a fragment": (400, host(b"localhost#a")),
    "Host with a scheme": (400, host(b"http://localhost")),
    "Host with a port of letters": (400, host(b"localhost:abc")),
    "Host with a large port": (400, host(b"localhost:99999")),
    "Host with two ports": (400, host(b"localhost:1:2")),
    "Host with a port only": (400, host(b":8080")),
    "Host with an open bracket": (400, host(b"[::1")),
    "Host with a bare IPv6 address": (400, host(b"::1")),
    "Host with an invalid IPv6 address": (400, host(b"[::1::]")),
    "Host with a zone": (400, host(b"[fe80::1%25eth0]")),
    "Host with an invalid escape": (400, host(b"local%zzhost")),
    "Host that is not ASCII": (400, host(b"l\xc3\xb6calhost")),
    "Host with quotes": (400, host(b'"localhost"')),
    "Host with markup": (400, host(b"<localhost>")),
    "Host that is not allowed": (400, host(b"evil.example")),
    "Host with an allowed suffix": (400, host(b"evillocalhost")),
    "Host with an allowed prefix": (400, host(b"localhost.evil.example")),
    # Framing.
    "both lengths": (400, post(b"Content-Length: 2\r\nTransfer-Encoding: chunked")),
    "both lengths, reversed": (400, post(b"Transfer-Encoding: chunked\r\nContent-Length: 2")),
    "two lengths": (400, post(b"Content-Length: 2\r\nContent-Length: 2")),
    "list of lengths": (400, post(b"Content-Length: 2, 2")),
    "signed length": (400, post(b"Content-Length: +2")),
    "negative length": (400, post(b"Content-Length: -2")),
    "hexadecimal length": (400, post(b"Content-Length: 0x2")),
    "length with an underscore": (400, post(b"Content-Length: 1_0")),
    "length of other digits": (400, post("Content-Length: \u0662".encode())),
    "empty length": (400, post(b"Content-Length:")),
    "length with a space": (400, post(b"Content-Length: 1 0")),
    "length of many digits": (413, post(b"Content-Length: " + b"9" * 40)),
    "empty coding": (400, post(b"Transfer-Encoding:")),
    "empty coding and length": (400, post(b"Transfer-Encoding:\r\nContent-Length: 2")),
    "chunked twice": (400, post(b"Transfer-Encoding: chunked, chunked")),
    "chunked in two headers": (400, post(b"Transfer-Encoding: chunked\r\n" * 2)),
    "chunked not last": (400, post(b"Transfer-Encoding: chunked, gzip")),
    "gzip only": (400, post(b"Transfer-Encoding: gzip")),
    "identity": (400, post(b"Transfer-Encoding: identity")),
    "gzip, chunked": (501, post(b"Transfer-Encoding: gzip, chunked")),
    "unknown, chunked": (501, post(b"Transfer-Encoding: unknown, chunked")),
    "chunked with an empty item": (400, post(b"Transfer-Encoding: , chunked")),
    "chunked with a comma": (400, post(b"Transfer-Encoding: chunked,")),
    "chunked with a parameter": (400, post(b"Transfer-Encoding: chunked;a=b")),
    "quoted chunked": (400, post(b'Transfer-Encoding: "chunked"')),
    "chunked with a vertical tab": (400, post(b"Transfer-Encoding: \x0bchunked")),
    "misspelled chunked": (400, post(b"Transfer-Encoding: xchunked")),
    "chunked with a space before the colon": (400, post(b"Transfer-Encoding : chunked")),
    "chunked in HTTP/1.0": (
        400,
        b"POST /api/echo HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "other Expect": (417, post(b"Content-Length: 2\r\nExpect: something")),
    "Expect with a list": (417, post(b"Content-Length: 2\r\nExpect: 100-continue, a")),
    "Expect on a native route": (417, b"GET /page HTTP/1.1\r\n" + HOST + b"Expect: a\r\n\r\n"),
    # Chunks.
    "size of letters": (400, CHUNKED + b"x\r\n{}\r\n0\r\n\r\n"),
    "empty size": (400, CHUNKED + b"\r\n{}\r\n0\r\n\r\n"),
    "signed size": (400, CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
    "negative size": (400, CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "size with a prefix": (400, CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    "size with an underscore": (400, CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n"),
    "space before a size": (400, CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n"),
    "space after a size": (400, CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n"),
    "large size": (400, CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n"),
    "LF after a size": (400, CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
    "CR after a size": (400, CHUNKED + b"2\r{}\r\n0\r\n\r\n"),
    "LF after a chunk": (400, CHUNKED + b"2\r\n{}\n0\r\n\r\n"),
    "long chunk": (400, CHUNKED + b"2\r\n{ }\r\n0\r\n\r\n"),
    "LF after the last chunk": (400, CHUNKED + b"2\r\n{}\r\n0\n\n"),
    "LF in an extension": (400, CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "CR in an extension": (400, CHUNKED + b"2;a\rb\r\n{}\r\n0\r\n\r\n"),
    "NUL in an extension": (400, CHUNKED + b"2;a=\x00\r\n{}\r\n0\r\n\r\n"),
    "empty extension": (400, CHUNKED + b"2;\r\n{}\r\n0\r\n\r\n"),
    "open quotes in an extension": (400, CHUNKED + b'2;a="b\r\n{}\r\n0\r\n\r\n'),
    "long extension": (400, CHUNKED + b"2;a=" + b"b" * 5000),
    "trailer without colon": (400, CHUNKED + b"2\r\n{}\r\n0\r\nA\r\n\r\n"),
    "folded trailer": (400, CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n"),
    "NUL in a trailer": (400, CHUNKED + b"2\r\n{}\r\n0\r\nA: \x00\r\n\r\n"),
    "LF after a trailer": (400, CHUNKED + b"2\r\n{}\r\n0\r\nA: b\n\r\n"),
    "long trailer": (400, CHUNKED + b"2\r\n{}\r\n0\r\nA: " + b"b" * 9000),
}  # fmt: skip

ACCEPTED: dict[str, tuple[int, bytes]] = {
    "usual": (200, GET + END),
    "HTTP/1.0": (200, b"GET /api/user/me HTTP/1.0\r\n\r\n"),
    "empty line before the request": (200, b"\r\n" + GET + END),
    "query": (200, request_line(b'GET /api/user/me?a={}|"^`\\ HTTP/1.1')),
    "absolute form": (
        200, b"GET http://localhost:1/api/user/me HTTP/1.1\r\nHost: LocalHost:1\r\n\r\n",
    ),
    "absolute form of HTTP/1.0": (200, b"GET http://localhost/api/user/me HTTP/1.0\r\n\r\n"),
    "absolute form in capitals": (200, request_line(b"GET HTTP://LOCALHOST/api/user/me HTTP/1.1")),
    "OPTIONS of a URL without a path": (204, request_line(b"OPTIONS http://localhost HTTP/1.1")),
    "OPTIONS of a path": (204, request_line(b"OPTIONS /api/user/me HTTP/1.1")),
    "method of WebDAV": (405, request_line(b"PROPFIND /api/user/me HTTP/1.1")),
    "Host in capitals": (200, host(b"LOCALHOST")),
    "Host with a dot": (200, host(b"localhost.")),
    "Host with a port": (200, host(b"localhost:8080")),
    "Host with an empty port": (200, host(b"localhost:")),
    "Host with spaces around": (200, host(b" \tlocalhost\t ")),
    "subdomain of localhost": (200, host(b"app.localhost")),
    "IPv4 address": (200, host(b"127.0.0.1:8080")),
    "other IPv4 address": (200, host(b"192.0.2.1")),
    "IPv6 address": (200, host(b"[::1]:8080")),
    "value of Latin-1": (200, header(b"A: \xe4")),
    "value with a tab": (200, header(b"A: b\tc")),
    "empty value": (200, header(b"A:")),
    "long value": (200, header(b"A: " + b"b" * 8000)),
    "100 headers": (200, GET + b"A: b\r\n" * 100 + END),
    "length": (200, post(b"Content-Length: 2")),
    "length with zeros": (200, post(b"Content-Length: 0002")),
    "no length": (200, POST + END),
    "chunked": (200, CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked in capitals": (200, post(b"Transfer-Encoding: CHUNKED", b"2\r\n{}\r\n0\r\n\r\n")),
    "two chunks": (200, CHUNKED + b"1\r\n{\r\n01\r\n}\r\n0\r\n\r\n"),
    "size in capitals": (200, CHUNKED + b"A\r\n{        }\r\n0\r\n\r\n"),
    "extension": (200, CHUNKED + b"2;a\r\n{}\r\n0;b=c\r\n\r\n"),
    "extension with spaces": (200, CHUNKED + b"2 ; a = b\r\n{}\r\n0\r\n\r\n"),
    "quoted extension": (200, CHUNKED + b'2;a="b;\\"c"\r\n{}\r\n0\r\n\r\n'),
    "trailer": (200, CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\n\r\n"),
    "trailer that frames": (200, CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "Expect": (200, post(b"Content-Length: 2\r\nExpect: 100-continue")),
    "Expect in capitals": (200, post(b"Content-Length: 2\r\nExpect: 100-Continue")),
    "unknown upgrade": (200, header(b"Connection: Upgrade\r\nUpgrade: h2c")),
}  # fmt: skip


def statuses(server: HttpClient, sent: bytes, *, pieces: int = 1, ends: bool = True) -> list[int]:
    """Return the statuses of all responses to bytes, sent in pieces, until the server closes.

    Args:
        server: The server.
        sent: The bytes.
        pieces: The number of separate packets.
        ends: Whether the client closes its side of the connection after the last byte.
    """
    received = b""
    with server.connected() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = -(-len(sent) // pieces)
        with suppress(ConnectionError):
            for start in range(0, len(sent), size):
                connection.sendall(sent[start : start + size])
            if ends:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while data := connection.recv(65536):
                received += data
    found = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]
    return [status for status in found if status != 100]


@pytest.mark.parametrize("name", REJECTED)
def test_a_request_is_rejected(parser: HttpClient, name: str) -> None:
    """With one response, immediately, and nothing after it is read as a request."""
    status, sent = REJECTED[name]

    assert statuses(parser, sent + GET + END, ends=False) == [status]


@pytest.mark.parametrize("name", REJECTED)
def test_a_request_is_rejected_after_others(parser: HttpClient, name: str) -> None:
    """The requests before it get their responses, in order."""
    status, sent = REJECTED[name]
    valid = (GET + END) * 3

    assert statuses(parser, valid + sent, ends=False) == [200, 200, 200, status]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_request_is_accepted(parser: HttpClient, name: str) -> None:
    """So is the next one on the connection; a half-closed client gets all of its responses."""
    status, sent = ACCEPTED[name]
    is_last = name == "HTTP/1.0"

    assert statuses(parser, sent + GET + END) == [status] if is_last else [status, 200]
    assert statuses(parser, sent) == [status]


@pytest.mark.parametrize("name", [*REJECTED, *ACCEPTED])
def test_packets_do_not_matter(parser: HttpClient, name: str) -> None:
    """The response is the same if the request arrives in pieces."""
    status, sent = (REJECTED | ACCEPTED)[name]

    assert statuses(parser, sent, pieces=min(len(sent), 40), ends=name in ACCEPTED) == [status]


def test_many_pipelined_requests_precede_an_invalid_one(parser: HttpClient) -> None:
    """Also more than aiohttp queues."""
    assert statuses(parser, (GET + END) * 100 + b"invalid\r\n\r\n") == [200] * 100 + [400]


def test_the_hosts_of_the_settings_are_allowed(serve: Serve) -> None:
    """No others; load balancers reach the health endpoints by address."""
    server = serve(web__allowed_hosts='["example.com", ".example.org"]')

    def status(host: bytes, path: bytes = b"/api/user/me") -> int:
        sent = b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        return statuses(server, sent)[0]

    assert status(b"example.com") == status(b"EXAMPLE.com:80") == 200
    assert status(b"example.org") == status(b"a.b.example.org") == 200
    assert status(b"www.example.com") == status(b"badexample.org") == status(b"localhost") == 400
    assert status(b"127.0.0.1") == 400
    assert status(b"127.0.0.1", b"/livez") == status(b"10.0.0.1:80", b"/readyz") == 200
    assert status(b"a@b", b"/livez") == 400


def test_an_upgrade_that_nothing_accepts_is_a_request(parser: HttpClient) -> None:
    """The data after it is checked as all other data."""
    upgrade = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert statuses(parser, upgrade + GET + END) == [200, 200]
    assert statuses(parser, upgrade + b"CONNECT a:1 HTTP/1.1\r\n\r\n") == [200, 501]


@pytest.mark.parametrize(("count", "status"), [(126, 200), (127, 200), (128, 200), (129, 431)])
def test_both_parsers_accept_the_same_number_of_headers(
    parser: HttpClient, count: int, status: int
) -> None:
    """The limit counts neither the request line nor the empty line."""
    lines = ["GET /livez HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"X-{number}: {number}" for number in range(count - 2)]

    received = parser.send_bytes("\r\n".join([*lines, "", ""]).encode())

    assert received.startswith(b"HTTP/1.1 %d " % status)
