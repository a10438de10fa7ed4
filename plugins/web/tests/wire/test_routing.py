"""The routing of requests to actions, pages and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.wire.conftest import HttpClient, Run, Serve


def assert_not_found(client: HttpClient, method: str, target: str) -> None:
    response = client.send(method, target)

    assert response.status == 404
    assert response.error["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert response.error["message"].startswith("Action not found")


@pytest.mark.parametrize(
    "target",
    [
        "/status", "/x/api/status", "//api/status", "/api//status", "/api", "/api/", "/",
        "/api/nowhere", "/apistatus", "/API/status", "/api/Status", "/api/camelcase",
        "/api/../api/status", "/api/./status", "/%61pi/status", "/api/hidden", "/api/user/1/parts",
        "/api/livez", "/ws", "/api/api/status", "/api/status/x", "/.well-known/x",
    ],
)  # fmt: skip
def test_paths_without_a_route_are_404(client: HttpClient, target: str) -> None:
    """The prefix counts once, at the start; case and empty segments are significant."""
    assert_not_found(client, "GET", target)


def test_the_prefix_is_configurable(serve: Serve) -> None:
    """With `web.prefix`, which may be empty."""
    other = serve(web__prefix="/v1/actions")
    none = serve(web__prefix="")

    assert other.get("/v1/actions/status").status == 200
    assert other.get("/api/status").status == 404
    assert none.get("/status").status == 200
    assert none.get("/livez").status == 200
    assert none.get("/page").body == b"a page"
    assert none.get("/api/status").status == 404


def test_without_a_prefix_actions_precede_files(serve: Serve, tmp_path: Path) -> None:
    """Both have the paths below the root."""
    (tmp_path / "notes.txt").write_text("a file", "utf-8")
    (tmp_path / "status").write_text("hidden by the action", "utf-8")
    server = serve(web__prefix="", web__static_folder=str(tmp_path))

    assert server.get("/notes.txt").body == b"a file"
    assert server.get("/status").json["name"]
    assert server.send("POST", "/notes.txt").status == 405
    assert server.send("DELETE", "/nowhere").status == 404
    assert_not_found(server, "GET", "/nowhere")


def test_a_trailing_slash_is_ignored(client: HttpClient) -> None:
    """A second one is an empty segment."""
    assert client.get("/api/status/").status == 200
    assert client.get("/api/user/7/").json == {"id": "7", "part": ""}
    assert client.get("/api/status/?x=1").status == 200
    assert_not_found(client, "GET", "/api/status//")


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        ("room%3A1", "room:1"), ("a%2Fb", "a/b"), ("%C3%A4", "ä"), ("a+b", "a+b"), ("%2e%2e", ".."),
        ("a%20b", "a b"), ("%25", "%"), ("%2525", "%25"), ("~!$&'()*,;=:@", "~!$&'()*,;=:@"),
        ("%F0%9F%98%80", "😀"), ("%3F%23", "?#"),
    ],
)  # fmt: skip
def test_path_parameters_are_percent_decoded_once(
    client: HttpClient, encoded: str, decoded: str
) -> None:
    """A plus sign is unchanged."""
    assert client.get(f"/api/user/{encoded}").json == {"id": decoded, "part": ""}


def test_several_path_parameters_are_extracted(client: HttpClient) -> None:
    """Each from its own segment."""
    response = client.get("/api/user/a%2F1/parts/b%3F")

    assert response.json == {"id": "a/1", "part": "b?"}


@pytest.mark.parametrize("segment", ["%", "%4", "%GG", "%FF", "%ED%A0%80", "%C3", "a%00%"])
def test_a_path_that_is_not_percent_encoded_utf_8_is_400(client: HttpClient, segment: str) -> None:
    """The status is not 404."""
    response = client.get(f"/api/user/{segment}")

    assert response.status == 400
    assert response.error["message"] == "the path is not percent-encoded UTF-8"


def test_literal_segments_are_compared_decoded(client: HttpClient) -> None:
    """`%73tatus` is `status`."""
    assert client.get("/api/%73tatus").status == 200
    assert client.get("/api/CamelCase").json == "cased"


def test_the_leftmost_literal_takes_precedence(client: HttpClient) -> None:
    """`/user/me` before `/user/{id}`, regardless of the order of registration."""
    assert client.get("/api/user/me").json == "me"
    assert client.get("/api/user/m%65").json == "me"
    assert client.get("/api/user/you").json == {"id": "you", "part": ""}
    assert client.get("/api/user/me/parts/1").json == {"id": "me", "part": "1"}


def test_two_routes_for_the_same_requests_are_an_error_at_start_up(
    run: Run, tmp_path: Path
) -> None:
    """It contains both actions, and the exit code is that of a configuration error."""
    (tmp_path / "twins.py").write_text(
        "from actionhero import Action\n"
        "class One(Action):\n    name = 'one'\n    web = 'GET /thing/{a}'\n"
        "    async def run(self): ...\n"
        "class Two(Action):\n    name = 'two'\n    web = 'GET /thing/{b}'\n"
        "    async def run(self): ...\n"
    )

    completed = run(tmp_path, ACTIONHERO_APP__PACKAGE="twins")

    assert completed.returncode == 78
    assert "'GET /thing/{a}' of action 'one'" in completed.stderr
    assert "'GET /thing/{b}' of action 'two'" in completed.stderr
    assert "match the same requests" in completed.stderr
    assert "Traceback" not in completed.stderr


def test_a_known_path_with_another_method_is_405_with_allow(standard: HttpClient) -> None:
    """The header has all methods of the path."""
    cases = {
        ("POST", "/api/status"): "GET, HEAD, OPTIONS",
        ("GET", "/api/user"): "PUT, OPTIONS",
        ("DELETE", "/api/user/me"): "GET, HEAD, POST, OPTIONS",
        ("PATCH", "/api/user/you"): "GET, HEAD, OPTIONS",
        ("TRACE", "/api/status"): "GET, HEAD, OPTIONS",
        ("PROPFIND", "/api/status/"): "GET, HEAD, OPTIONS",
        ("QUERY", "/api/status"): "GET, HEAD, OPTIONS",
    }

    for (method, target), allow in cases.items():
        response = standard.send(method, target)

        assert (response.status, response.header("Allow")) == (405, allow), (method, target)
        assert response.error["type"] == "CONNECTION_METHOD_NOT_ALLOWED"
        assert response.error["message"] == f"Method {method} is not allowed; allowed: {allow}"


def test_a_native_route_with_another_method_is_405_with_allow(standard: HttpClient) -> None:
    """Probes and pages of plugins too."""
    for target in ("/livez", "/readyz", "/page"):
        response = standard.send("POST", target)

        assert response.status == 405
        assert response.header("Allow") == "GET, HEAD, OPTIONS"
        assert response.error["type"] == "CONNECTION_METHOD_NOT_ALLOWED"


def test_another_method_is_404_in_the_format_actionhero(original: HttpClient) -> None:
    """With the same message as an unknown path."""
    for method, target in (("POST", "/api/status"), ("TRACE", "/api/status"), ("POST", "/page")):
        assert_not_found(original, method, target)


def test_an_unknown_method_on_an_unknown_path_is_404(client: HttpClient) -> None:
    """No method is allowed there."""
    assert_not_found(client, "PROPFIND", "/api/nowhere")
    assert_not_found(client, "POST", "/nowhere")


@pytest.mark.parametrize(
    "target",
    ["/api/status", "/api/echo?text=x", "/api/nowhere", "/api/crash", "/livez", "/page",
     "/api/native/text", "/api/native/redirect", "/api/value/large", "/nowhere", "/api/account"],
)  # fmt: skip
def test_head_gets_the_response_to_get_without_the_body(client: HttpClient, target: str) -> None:
    """With the same status and headers, including the length of the body."""
    changing = {"date", "x-request-id", "content-length"}

    for headers in ({}, {"Accept-Encoding": "gzip"}):
        get = client.send("GET", target, None, headers)
        head = client.send("HEAD", target, None, headers)

        assert head.body == b""
        assert head.status == get.status
        unchanged = [
            sorted((name.lower(), value) for name, value in response.headers
                   if name.lower() not in changing)
            for response in (get, head)
        ]  # fmt: skip
        assert unchanged[1] == unchanged[0]
        length = int(get.header("Content-Length") or -1)
        if target != "/api/status" and target != "/api/crash":
            assert head.header("Content-Length") == str(length)
        assert length == len(get.body)


def test_head_preserves_the_connection(client: HttpClient) -> None:
    """The next response follows directly."""
    head = b"HEAD /api/value/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    get = b"GET /api/user/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    received = client.send_bytes(head + get)

    first, second, last = received.split(b"\r\n\r\n", 2)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert last.strip() == b'"me"'


def test_options_returns_the_allowed_methods(standard: HttpClient) -> None:
    """With status 204, without a body."""
    response = standard.send("OPTIONS", "/api/user/me")

    assert (response.status, response.body) == (204, b"")
    assert response.header("Allow") == "GET, HEAD, POST, OPTIONS"
    assert response.header("Content-Type") is None


def test_options_of_an_unknown_path_is_404(standard: HttpClient) -> None:
    """It has no methods."""
    assert standard.send("OPTIONS", "/api/nowhere").status == 404


def test_options_is_200_with_an_empty_object_in_the_format_actionhero(original: HttpClient) -> None:
    """For every path below the prefix."""
    for target in ("/api/user/me", "/api/nowhere", "/api", "/api/status/"):
        response = original.send("OPTIONS", target)

        assert (response.status, response.body) == (200, b"{}\r\n")
        assert response.header("Content-Type") == "application/json"


def test_a_request_in_absolute_form_is_routed_by_its_path(client: HttpClient) -> None:
    """Proxies receive requests in this form."""
    line = b"GET http://localhost/api/user/a%2Fb?x=1 HTTP/1.1\r\n"

    received = client.send_bytes(line + b"Host: localhost\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"a/b" in received


def test_an_http_1_0_client_gets_a_response(client: HttpClient) -> None:
    """The connection is closed after it."""
    received = client.send_bytes(b"GET /api/user/me HTTP/1.0\r\n\r\n")

    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert received.split(b"\r\n\r\n", 1)[1].strip() == b'"me"'


def test_pipelined_requests_get_responses_in_order(client: HttpClient) -> None:
    """Twenty requests on one connection."""
    line = b"GET /api/user/%d HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
    requests = b"".join(
        line % (number, b"Connection: close\r\n" * (number == 19)) for number in range(20)
    )

    received = client.send_bytes(requests)

    positions = [received.index(b'"%d"' % i) for i in range(20)]
    assert received.count(b"HTTP/1.1 200 OK") == 20
    assert positions == sorted(positions)
