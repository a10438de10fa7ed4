"""The session of a socket: cached, current, and loaded in the order of the calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from plugins.websocket.tests.conftest import TEXT, checked, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer


class Browser:
    """A client with one session, over HTTP and over sockets."""

    def __init__(self, server: ServerProcess, cookie: str = "") -> None:
        self.server = server
        self.cookie = cookie

    def request(self, method: str, path: str, **inputs: Any) -> Any:
        """Send a request, and store the cookie of the response."""
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        url = f"http://127.0.0.1:{self.server.port}/api{path}"
        body = json.dumps(inputs).encode()
        with urlopen(Request(url, body, headers, method=method)) as response:
            self.cookie = response.headers.get("Set-Cookie", self.cookie).partition(";")[0]
            return json.load(response)

    def sign_in(self) -> Browser:
        """Sign in over HTTP."""
        self.request("PUT", "/session", name="Ada")
        return self

    def connect(self, server: ServerProcess | None = None) -> Client:
        """Open a socket."""
        return (server or self.server).connect("/api", {"Cookie": self.cookie})


@pytest.fixture(params=["embedded", "redis", "memory"])
def server(
    request: pytest.FixtureRequest, server_for: Callable[[str, str], ServerProcess]
) -> Iterator[ServerProcess]:
    """Yield the shared server of each store."""
    yield from checked(server_for("standard", request.param))


def words(client: Client) -> Any:
    """Return the words in the session of a socket."""
    return client.call("recall")["response"]["words"]


def test_calls_of_one_socket_begin_in_their_order(server: ServerProcess) -> None:
    """With a session that is cached, that has to be loaded, and that changes meanwhile."""
    browser = Browser(server).sign_in()
    client = browser.connect()

    for number in range(30):
        if number % 3 == 1:
            browser.request("PUT", "/words", words=[str(number)])
        calls = [
            {"messageType": "action", "action": "recall", "messageId": message_id}
            for message_id in range(6)
        ]
        if number % 3 == 2:
            calls[3] |= {"action": "remember", "params": {"words": ["x"]}}
        client.send_bytes(*(frame(TEXT, json.dumps(call)) for call in calls))
        replies = {reply["messageId"]: reply for reply in (client.read_json() for _ in calls)}

        positions = [
            replies[message_id]["response"].get("position") for message_id in sorted(replies)
        ]
        known = [position for position in positions if position is not None]
        assert known == sorted(known)


def test_changes_over_http_reach_the_next_call_of_a_socket(server: ServerProcess) -> None:
    """The response to the change is later than the change of the cache."""
    browser = Browser(server).sign_in()
    client = browser.connect()
    assert words(client) is None

    for number in range(20):
        browser.request("PUT", "/words", words=[str(number)])
        assert words(client) == [str(number)]


def test_changes_over_a_socket_reach_its_next_call_and_http(server: ServerProcess) -> None:
    """A call that changes a value in place affects no other call."""
    browser = Browser(server).sign_in()
    client, other = browser.connect(), browser.connect()
    assert words(other) is None

    client.call("remember", words=["a"])
    client.call("remember", words=["b"], in_place=True)

    assert words(client) == words(other) == ["a"]
    assert browser.request("GET", "/words")["words"] == ["a"]


@pytest.mark.parametrize("over_http", [True, False])
def test_calls_are_anonymous_after_the_end_of_the_session(
    server: ServerProcess, over_http: bool
) -> None:
    """The next one of each socket of the session."""
    browser = Browser(server).sign_in()
    client, other = browser.connect(), browser.connect()
    assert client.call("whoami") == other.call("whoami")

    if over_http:
        browser.request("DELETE", "/session")
    else:
        client.call("sign:out")

    for socket in (client, other):
        assert socket.call("whoami")["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"


def test_subscriptions_end_when_their_session_expires(start_server: StartServer) -> None:
    """Only calls renew the time to live, and the client has made none since."""
    server = start_server("[sessions]\nttl = '2s'\n")
    client = Browser(server).sign_in().connect()
    client.request(messageType="subscribe", channel="messages")

    while "unsubscribed" not in (message := client.read_json()):
        assert message["message"]["sender"] == "presence"

    assert message == {"unsubscribed": {"channel": "messages"}}
    assert client.call("whoami")["error"]["type"] == "CONNECTION_SESSION_NOT_FOUND"


def test_changes_in_other_processes_reach_a_socket(
    start_server: StartServer, tmp_path: Path
) -> None:
    """With a notice: the session is changed, and then ended."""
    servers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shared = {"ACTIONHERO_APP__DATA_DIR": str(tmp_path / "shared")}
        settings = "[websocket]\nmessages_per_second = 0\n"
        servers.append(start_server(settings, shared, folder=tmp_path / name))
    browser = Browser(servers[0]).sign_in()
    client = browser.connect(servers[1])
    assert words(client) is None

    browser.request("PUT", "/words", words=["changed"])
    while words(client) != ["changed"]:
        pass
    browser.request("DELETE", "/session")
    while "response" in client.call("whoami"):
        pass
