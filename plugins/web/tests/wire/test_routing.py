"""Which request reaches which action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.web.tests.wire.conftest import Door, Run, Serve


def assert_not_found(door: Door, method: str, target: str) -> None:
    answer = door.send(method, target)

    assert answer.status == 404
    assert answer.error["type"] == "CONNECTION_ACTION_NOT_FOUND"
    assert answer.error["message"] == "Action not found"


@pytest.mark.parametrize(
    "target",
    [
        "/status", "/x/api/status", "//api/status", "/api//status", "/api", "/api/", "/",
        "/api/nowhere", "/apistatus", "/API/status", "/api/Status", "/api/camelcase",
        "/api/../api/status", "/api/./status", "/%61pi/status", "/api/hidden", "/api/user/1/parts",
        "/api/livez", "/ws", "/api/api/status", "/api/status/x", "/.well-known/x",
    ],
)  # fmt: skip
def test_what_is_no_route_is_404(door: Door, target: str) -> None:
    """The prefix once and at the start; case counts; no empty segments."""
    assert_not_found(door, "GET", target)


def test_the_prefix_can_be_set(serve: Serve) -> None:
    """`web.prefix`, also to nothing at all."""
    other = serve(web__prefix="/v1/actions")
    none = serve(web__prefix="")

    assert other.get("/v1/actions/status").status == 200
    assert other.get("/api/status").status == 404
    assert none.get("/status").status == 200
    assert none.get("/livez").status == 200
    assert none.get("/page").body == b"a page"
    assert none.get("/api/status").status == 404


def test_a_trailing_slash_is_the_same_route(door: Door) -> None:
    """One slash; two are an empty segment."""
    assert door.get("/api/status/").status == 200
    assert door.get("/api/user/7/").json == {"id": "7", "part": ""}
    assert door.get("/api/status/?x=1").status == 200
    assert_not_found(door, "GET", "/api/status//")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("room%3A1", "room:1"), ("a%2Fb", "a/b"), ("%C3%A4", "ä"), ("a+b", "a+b"), ("%2e%2e", ".."),
        ("a%20b", "a b"), ("%25", "%"), ("%2525", "%25"), ("~!$&'()*,;=:@", "~!$&'()*,;=:@"),
        ("%F0%9F%98%80", "😀"), ("%3F%23", "?#"),
    ],
)  # fmt: skip
def test_path_parameters_are_percent_decoded(door: Door, written: str, meant: str) -> None:
    """Once, and a plus sign stays what it is."""
    assert door.get(f"/api/user/{written}").json == {"id": meant, "part": ""}


def test_several_path_parameters_are_taken_each(door: Door) -> None:
    """Each from its own segment."""
    answer = door.get("/api/user/a%2F1/parts/b%3F")

    assert answer.json == {"id": "a/1", "part": "b?"}


@pytest.mark.parametrize("segment", ["%", "%4", "%GG", "%FF", "%ED%A0%80", "%C3", "a%00%"])
def test_a_path_that_is_not_percent_encoded_utf_8_is_400(door: Door, segment: str) -> None:
    """It cannot be read, so it is not *not found*."""
    answer = door.get(f"/api/user/{segment}")

    assert answer.status == 400
    assert answer.error["message"] == "the path is not percent-encoded UTF-8"


def test_literal_segments_are_compared_decoded(door: Door) -> None:
    """`%73tatus` is `status`, written by somebody careful."""
    assert door.get("/api/%73tatus").status == 200
    assert door.get("/api/CamelCase").json == "cased"


def test_the_leftmost_literal_wins(door: Door) -> None:
    """`/user/me` before `/user/{id}`, whatever was registered first."""
    assert door.get("/api/user/me").json == "me"
    assert door.get("/api/user/m%65").json == "me"
    assert door.get("/api/user/you").json == {"id": "you", "part": ""}
    assert door.get("/api/user/me/parts/1").json == {"id": "me", "part": "1"}


def test_two_routes_that_match_the_same_requests_are_an_error_at_start(
    run: Run, tmp_path: Path
) -> None:
    """It names both actions, and the exit code is that of a configuration error."""
    (tmp_path / "twins.py").write_text(
        "from actionhero import Action\n"
        "class One(Action):\n    name = 'one'\n    web = 'GET /thing/{a}'\n"
        "    async def run(self): ...\n"
        "class Two(Action):\n    name = 'two'\n    web = 'GET /thing/{b}'\n"
        "    async def run(self): ...\n"
    )

    ended = run(tmp_path, ACTIONHERO_APP__PACKAGE="twins")

    assert ended.returncode == 78
    assert "'GET /thing/{a}' of action 'one'" in ended.stderr
    assert "'GET /thing/{b}' of action 'two'" in ended.stderr
    assert "match the same requests" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_known_path_with_another_method_is_405_with_allow(standard: Door) -> None:
    """The header names all methods that the path answers to."""
    cases = {
        ("POST", "/api/status"): "GET, HEAD, OPTIONS",
        ("GET", "/api/user"): "PUT, OPTIONS",
        ("DELETE", "/api/user/me"): "GET, HEAD, POST, OPTIONS",
        ("PATCH", "/api/user/you"): "GET, HEAD, OPTIONS",
        ("TRACE", "/api/status"): "GET, HEAD, OPTIONS",
        ("PROPFIND", "/api/status/"): "GET, HEAD, OPTIONS",
    }

    for (method, target), allow in cases.items():
        answer = standard.send(method, target)

        assert (answer.status, answer.header("Allow")) == (405, allow), (method, target)
        assert answer.error["type"] == "CONNECTION_METHOD_NOT_ALLOWED"
        assert answer.error["message"] == f"Method {method} is not allowed here: {allow}"


def test_a_native_route_with_another_method_is_405_with_allow(standard: Door) -> None:
    """Probes and pages of plugins are no exception."""
    for target in ("/livez", "/readyz", "/page"):
        answer = standard.send("POST", target)

        assert answer.status == 405
        assert answer.header("Allow") == "GET,HEAD"
        assert answer.error["type"] == "CONNECTION_METHOD_NOT_ALLOWED"


def test_another_method_is_404_in_profile_actionhero(original: Door) -> None:
    """As clients of the original expect, with the same words as an unknown path."""
    for method, target in (("POST", "/api/status"), ("TRACE", "/api/status"), ("POST", "/page")):
        assert_not_found(original, method, target)


def test_an_unknown_method_on_an_unknown_path_is_404(door: Door) -> None:
    """There is nothing that could be allowed."""
    assert_not_found(door, "PROPFIND", "/api/nowhere")
    assert_not_found(door, "POST", "/nowhere")


@pytest.mark.parametrize(
    "target",
    ["/api/status", "/api/echo?text=x", "/api/nowhere", "/api/crash", "/livez", "/page",
     "/api/raw/text", "/api/raw/redirect", "/api/give/large", "/nowhere", "/api/account"],
)  # fmt: skip
def test_head_answers_like_get_without_a_body(door: Door, target: str) -> None:
    """The same status and headers, the length of the body that is left out among them."""
    changing = {"date", "x-request-id", "content-length"}

    for headers in ({}, {"Accept-Encoding": "gzip"}):
        get = door.send("GET", target, None, headers)
        head = door.send("HEAD", target, None, headers)

        assert head.body == b""
        assert head.status == get.status
        kept = [
            sorted((name.lower(), value) for name, value in answer.headers
                   if name.lower() not in changing)
            for answer in (get, head)
        ]  # fmt: skip
        assert kept[1] == kept[0]
        length = int(get.header("Content-Length") or -1)
        if target != "/api/status" and target != "/api/crash":
            assert head.header("Content-Length") == str(length)
        assert length == len(get.body)


def test_head_keeps_the_connection_in_step(door: Door) -> None:
    """After the answer to `HEAD` comes the next answer, and nothing before it."""
    head = b"HEAD /api/give/large HTTP/1.1\r\nHost: x\r\n\r\n"
    get = b"GET /api/user/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    received = door.raw(head + get)

    first, second, last = received.split(b"\r\n\r\n", 2)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert last.strip() == b'"me"'


def test_options_says_which_methods_there_are(standard: Door) -> None:
    """204 without a body, for whoever asks."""
    answer = standard.send("OPTIONS", "/api/user/me")

    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("Allow") == "GET, HEAD, POST, OPTIONS"
    assert answer.header("Content-Type") is None


def test_options_of_an_unknown_path_is_404(standard: Door) -> None:
    """There is nothing to ask about."""
    assert standard.send("OPTIONS", "/api/nowhere").status == 404


def test_options_is_200_with_an_empty_object_in_profile_actionhero(original: Door) -> None:
    """Whatever the path below the prefix."""
    for target in ("/api/user/me", "/api/nowhere", "/api", "/api/status/"):
        answer = original.send("OPTIONS", target)

        assert (answer.status, answer.body) == (200, b"{}\r\n")
        assert answer.header("Content-Type") == "application/json"


def test_a_request_in_absolute_form_is_routed_by_its_path(door: Door) -> None:
    """As a proxy is asked."""
    line = b"GET http://example.com/api/user/a%2Fb?x=1 HTTP/1.1\r\n"

    received = door.raw(line + b"Host: x\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"a/b" in received


def test_a_client_of_http_1_0_gets_its_answer_and_the_end(door: Door) -> None:
    """And the connection is closed after it."""
    received = door.raw(b"GET /api/user/me HTTP/1.0\r\n\r\n")

    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert received.split(b"\r\n\r\n", 1)[1].strip() == b'"me"'


def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    """Twenty at once, on one connection."""
    line = b"GET /api/user/%d HTTP/1.1\r\nHost: x\r\n%b\r\n"
    requests = b"".join(
        line % (number, b"Connection: close\r\n" * (number == 19)) for number in range(20)
    )

    received = door.raw(requests)

    found = [received.index(b'"%d"' % i) for i in range(20)]
    assert received.count(b"HTTP/1.1 200 OK") == 20
    assert found == sorted(found)
