"""The measured work: the requests, and the expected responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

# Each user has a different password, so that a server cannot reuse the result of the last one.
_GOOD: Final = '{"name":"Mario Mario","email":"mario@example.com","password":"mushroom%04d"}'
_BAD: Final = '{"name":"ab","email":"nope","password":"a%04d"}'

#: The revision of the Model Context Protocol.
REVISION: Final = "2026-07-28"
_META: Final = "io.modelcontextprotocol/"
META: Final = {
    f"{_META}protocolVersion": REVISION,
    f"{_META}clientInfo": {"name": "bench", "version": "1"},
    f"{_META}clientCapabilities": {},
}
_CALL: Final = (
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add",'
    f'"arguments":{{"number":%d,"other":2}},"_meta":{json.dumps(META)}}}}}'
)

#: How many requests of one case differ.
DIFFERENT: Final = 1000
#: How many rows are listed at once.
ROWS: Final = 50


@dataclass(frozen=True)
class Case:
    """One request."""

    #: `W1` and so on.
    name: str
    title: str
    method: str
    target: str
    #: With a place for a number; empty for no body.
    body: str = ""
    status: int = 200
    #: Further lines of its head, such as a cookie.
    headers: tuple[str, ...] = ()

    def request(self, number: int = 0) -> bytes:
        """Return a request as it goes over the wire."""
        head = f"{self.method} {self.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += "".join(f"{line}\r\n" for line in self.headers)
        body = self.body % number if self.body else ""
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    def check(self, peer: str, response: bytes) -> None:
        """Refuse an unexpected response: a wrong response is cheap.

        Args:
            peer: The server that sent the response.
            response: Head and body.

        Raises:
            RuntimeError: It is wrong; the message shows it.
        """
        head, _, body = response.partition(b"\r\n\r\n")
        try:
            is_right = int(head.split()[1]) == self.status and self._fits(json.loads(body))
        except (IndexError, LookupError, TypeError, ValueError):
            is_right = False
        if not is_right:
            raise RuntimeError(f"{peer} responds to {self.name} with {response[:2000]!r}")

    def _fits(self, response: Any) -> bool:
        if self.name == "W1":
            return sorted(response) == ["memory", "name", "pid", "uptime"]
        if self.name == "W2":
            user = response["user"]
            named = user["name"] == "Mario Mario" and user["email"] == "mario@example.com"
            return named and isinstance(user["id"], int)
        if self.name == "W2b":
            text = json.dumps(response)
            return all(key in text for key in ("name", "email", "password"))
        if self.name == "ready":
            return True
        if self.name == "add":
            return bool(response == {"sum": 2})
        if self.name == "call":
            return bool(response["result"]["structuredContent"] == {"sum": 2})
        if self.name == "list":
            newest = response["messages"][0]
            whole = len(response["messages"]) == ROWS and len(newest) == 6
            return bool(whole and response["pagination"]["limit"] == ROWS)
        if self.name == "status":
            return bool({"database", "redis"} <= response["checks"].keys() and response["healthy"])
        if self.name == "create":
            message = response["message"]
            return len(message) == 5 and message["body"].startswith("Hello")
        if self.name == "feed":
            return len(response["messages"]) == ROWS and bool(response["pagination"]["next"])
        expected = {"id": 42, "name": "User 42", "email": "user42@example.com"}
        return bool(response == {"user": expected, "verbose": True})


W1: Final = Case("W1", "small JSON", "GET", "/api/about")
W2: Final = Case("W2", "validated POST", "POST", "/api/user", _GOOD)
W2B: Final = Case("W2b", "invalid POST", "POST", "/api/user", _BAD, status=422)
W3: Final = Case("W3", "path and query, 200 routes", "GET", "/api/user/42?verbose=true")
CASES: Final = (W1, W2, W2B, W3)


def list_messages(cookie: str) -> Case:
    """Return the request for a page of messages, with that cookie."""
    target = f"/api/messages/list?limit={ROWS}"
    return Case("list", f"{ROWS} rows and their users", "GET", target, headers=(cookie,))


def status_with_session(cookie: str) -> Case:
    """Return the request for the status, with that cookie."""
    return Case("status", "status with a session", "GET", "/api/status", headers=(cookie,))


def add_over_http() -> Case:
    """Return the request that adds two numbers."""
    return Case("add", "adding numbers", "POST", "/api/add", '{"number":%d,"other":2}')


def call_tool(*headers: str) -> Case:
    """Return the call of the tool that adds two numbers, with further headers."""
    own = (f"MCP-Protocol-Version: {REVISION}", "Mcp-Method: tools/call", "Mcp-Name: add")
    accept = "Accept: application/json, text/event-stream"
    return Case("call", "a call of a tool", "POST", "/mcp", _CALL, headers=(accept, *own, *headers))


def create_message(cookie: str) -> Case:
    """Return the request that writes a message, with that cookie."""
    body = '{"body":"Hello for the %04dth time"}'
    return Case("create", "a new message", "PUT", "/api/message", body, headers=(cookie,))
