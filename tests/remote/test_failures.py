"""Servers that are away, wrong, or unsafe: a clear error, and the right exit code."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tests.remote.foreign_servers import ForeignServer, Reply, document, error

if TYPE_CHECKING:
    from tests.remote.conftest import Far

TOKEN = "t0ken-of-ada"
HTML = Reply(200, b"<h1>Welcome</h1>", "text/html")

DOCUMENTS = {
    "foreign": (
        {},
        78,
        "is not a server of ActionHero: {url}/api/swagger returned 404 with text/html",
    ),
    "page": ({"/api/swagger": HTML}, 78, "returned 200 with text/html; check the URL"),
    "other JSON": ({"/api/swagger": Reply(body=b"[]")}, 78, "is not a server of ActionHero"),
    "broken JSON": ({"/api/swagger": Reply(body=b"{")}, 78, "is not a server of ActionHero"),
    "without document": (
        {"/api/swagger": Reply(404, error("CONNECTION_ACTION_NOT_FOUND"))},
        78,
        "{url} serves no OpenAPI document at {url}/api/swagger",
    ),
    "redirect": (
        {"/api/swagger": Reply(301, headers={"Location": "https://other.test/api/swagger"})},
        78,
        "redirects to 'https://other.test/api/swagger', and redirects are not followed",
    ),
    "away behind a proxy": (
        {"/api/swagger": Reply(502, b"Bad gateway", "text/html")},
        69,
        "{url} is unavailable: {url}/api/swagger returned 502",
    ),
    "shutting down": (
        {"/api/swagger": Reply(503, error("CONNECTION_SERVICE_UNAVAILABLE"))},
        69,
        '{{"error":{{"message":"It failed","type":"CONNECTION_SERVICE_UNAVAILABLE"',
    ),
    "truncated": (
        {"/api/swagger": document()._replace(truncated=True)},
        69,
        "{url} closed the connection before the end of its response",
    ),
}


@pytest.mark.parametrize(("replies", "code", "message"), DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_a_url_without_a_document(
    far: Far, replies: dict[str, Reply], code: int, message: str
) -> None:
    """The error names the URL."""
    with ForeignServer(replies).run() as server:
        command = far.run("--url", server.url, "call", "book:show")

    assert (command.code, command.stdout) == (code, ""), command
    assert message.format(url=server.url) in command.stderr
    assert "Traceback" not in command.stderr


CALLS = {
    "page": (HTML, 0, "<h1>Welcome</h1>", ""),
    "proxy": (Reply(502, b"Bad", "text/html"), 69, "", "GET {url}/api/show returned 502 with text"),
    "blocked": (Reply(403, b"No", "text/html"), 78, "", "which is no response of ActionHero"),
    "redirect": (Reply(307, headers={"Location": "/"}), 1, "", "CONNECTION_TYPE_NOT_FOUND"),
    "broken JSON": (Reply(200, b"{"), 78, "", "which is no response of ActionHero"),
    "truncated": (
        Reply(200, b'{"a": 1}', truncated=True),
        69,
        "",
        "before the end of its response",
    ),
    "other format": (Reply(406, error("CONNECTION_ACTION_RUN")), 65, "", "CONNECTION_ACTION_RUN"),
    "unavailable": (Reply(503, error("CONNECTION_SERVER_ERROR")), 69, "", "It failed"),
    "unknown type": (Reply(500, error("SOMETHING_NEW")), 1, "", "SOMETHING_NEW"),
    "escapes": (Reply(500, error("X", "a\x1b[31m\u202e")), 1, "", r"a\u001b[31m\u202e"),
}


@pytest.mark.parametrize(("reply", "code", "stdout", "stderr"), CALLS.values(), ids=list(CALLS))
def test_a_response_that_is_no_result(
    far: Far, reply: Reply, code: int, stdout: str, stderr: str
) -> None:
    """Of something between here and the server, or of another error format."""
    replies = {"/api/swagger": document(), "/api/show": reply}
    with ForeignServer(replies).run() as server:
        command = far.run("--url", server.url, "call", "book:show")

    assert (command.code, command.stdout) == (code, stdout), command
    assert stderr.format(url=server.url) in command.stderr if stderr else not command.stderr


def test_a_server_that_is_away(far: Far) -> None:
    """With the reason of the system."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    command = far.run("--url", f"http://127.0.0.1:{port}", "call", "book:show")

    assert (command.code, command.stdout) == (69, "")
    assert f"no connection with http://127.0.0.1:{port}: Connection refused" in command.stderr


def test_a_server_without_http(far: Far) -> None:
    """For example a database."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = far.start(
            "--url", f"http://127.0.0.1:{listener.getsockname()[1]}", "call", "book:show"
        )
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"-ERR unknown command\r\n")
        command = running.wait()

    assert (command.code, command.stdout) == (69, "")
    assert "does not speak HTTP" in command.stderr


def test_an_unknown_host(far: Far) -> None:
    """The name is reserved: no resolver knows it."""
    command = far.run("--url", "https://host.invalid", "call", "book:show")

    assert (command.code, command.stdout) == (69, "")
    assert "https://host.invalid" in command.stderr


def test_an_invalid_url(far: Far) -> None:
    """The error names the option or the variable, and does not contain the URL."""
    url = "https://ada:s3cret@example.com"
    commands = {
        "--url": far.run("--url", url, "actions"),
        "ACTIONHERO_URL": far.run("actions", ACTIONHERO_URL=url),
    }

    for source, command in commands.items():
        assert (command.code, command.stdout) == (78, "")
        assert f"Error: {source} contains a user name or a password" in command.stderr
        assert "s3cret" not in command.stderr


def test_a_token_is_not_sent_to_the_target_of_a_redirect(far: Far) -> None:
    """Of the document, or of a call."""
    with ForeignServer({}).run() as other:
        target = Reply(307, headers={"Location": f"{other.url}/api/swagger"})
        for replies in (
            {"/api/swagger": target},
            {"/api/swagger": document(), "/api/show": target},
        ):
            with ForeignServer(replies).run() as server:
                command = far.run("--url", server.url, "call", "book:show", ACTIONHERO_TOKEN=TOKEN)
            assert command.code in (1, 78)
            assert TOKEN not in command.stderr
        assert other.requests == []


def test_a_token_is_not_sent_to_the_servers_of_the_document(far: Far) -> None:
    """Its list of servers is for other clients."""
    with ForeignServer({}).run() as other:
        replies = {
            "/api/swagger": document(servers=[{"url": f"{other.url}/api"}]),
            "/api/show": Reply(body=b"1"),
        }
        with ForeignServer(replies).run() as server:
            command = far.run("--url", server.url, "call", "book:show", ACTIONHERO_TOKEN=TOKEN)

        assert (command.code, command.stdout) == (0, "1\n")
        assert other.requests == []
    sent = [headers.get("Authorization") for _, _, headers in server.requests]
    # The document is public.
    assert sent == [None, f"Bearer {TOKEN}"]


def test_a_token_is_not_sent_without_encryption(far: Far) -> None:
    """Unless the user allows it; to this machine it is."""
    command = far.run("--url", "http://host.invalid", "actions", ACTIONHERO_TOKEN=TOKEN)
    allowed = far.run(
        "--url", "http://host.invalid", "--allow-http", "actions", ACTIONHERO_TOKEN=TOKEN
    )

    assert command.code == 78
    assert "would be sent to http://host.invalid without encryption" in command.stderr
    assert allowed.code == 69
    assert TOKEN not in command.stderr + allowed.stderr


def test_a_proxy_gets_no_request_for_this_machine(far: Far) -> None:
    """Otherwise it would get the token."""
    replies = {"/api/swagger": document(), "/api/show": Reply(body=b"1")}
    with ForeignServer({}).run() as proxy, ForeignServer(replies).run() as server:
        command = far.run(
            *("--url", server.url, "call", "book:show"),
            ACTIONHERO_TOKEN=TOKEN,
            http_proxy=proxy.url,
        )

    assert (command.code, command.stdout) == (0, "1\n")
    assert proxy.requests == []


def test_a_proxy_of_the_environment_is_used(far: Far) -> None:
    """As by other programs."""
    with ForeignServer({}).run() as proxy:
        command = far.run("--url", "http://host.invalid", "actions", http_proxy=proxy.url)

    assert command.code == 78
    assert proxy.requests[0][1] == "http://host.invalid/api/swagger"


def test_a_header_of_the_server_has_the_token(far: Far) -> None:
    """If its document says so."""
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Club-Key"}}
    replies = {
        "/api/swagger": document(components={"securitySchemes": schemes}),
        "/api/show": Reply(body=b"1"),
    }
    with ForeignServer(replies).run() as server:
        far.run("--url", server.url, "call", "book:show", ACTIONHERO_TOKEN=TOKEN)

    headers = server.requests[-1][2]
    assert headers["X-Club-Key"] == TOKEN
    assert "Authorization" not in headers


def test_a_prefix_is_part_of_the_url(far: Far) -> None:
    """Without a path, it is /api, or empty."""
    for prefix in ("/library/v1", ""):
        replies = {f"{prefix}/swagger": document(), f"{prefix}/show": Reply(body=b"1")}
        with ForeignServer(replies).run() as server:
            command = far.run("--url", server.url + prefix + "/", "call", "book:show")
        assert (command.code, command.stdout) == (0, "1\n"), command
