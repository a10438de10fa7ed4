"""The table of identity: the kinds of callers, the transports, and a server with all of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
from joserfc import jwk, jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Place, RunningCommand

#: How long an answer is awaited.
WAIT_SECONDS: Final = 60
ISSUER: Final = "https://issuer.example"
ISSUER_KEY: Final = "s3cret-of-the-issuer-32-characters"
PASSWORD: Final = "correct-s3cret"

UNAUTHORIZED: Final = "CONNECTION_SESSION_NOT_FOUND"
FORBIDDEN: Final = "CONNECTION_ACTION_FORBIDDEN"
CHANNEL_REFUSED: Final = "CONNECTION_CHANNEL_AUTHORIZATION"
#: The settings of the server and of the commands.
VARIABLES: Final = {
    "ACTIONHERO_AUTH__ISSUERS": json.dumps(
        [{"issuer": ISSUER, "audience": ["shop"], "algorithms": ["HS256"], "key": ISSUER_KEY}]
    ),
}


class Kind(NamedTuple):
    """A kind of callers, and the decision on their calls."""

    name: str
    #: The user, if the caller is authorized.
    user: str | None
    #: The type of the error, if the caller is refused.
    error: str | None = None
    status: int = 200
    #: The parts of the challenge.
    challenge: tuple[str, ...] = ()
    #: The event, its user, method and reason.
    audit: tuple[str, Any, str, str] | None = None

    @property
    def has_invalid_credentials(self) -> bool:
        """Whether they are refused whatever the action requires."""
        return self.audit is not None and self.audit[0] == "credential_use"


KINDS: Final = (
    Kind("anonymous", None, UNAUTHORIZED, 401, (), ("access", None, "", "Session not found")),
    Kind("session", "ada"),
    Kind("api-key", "7"),
    Kind("jwt", "grace"),
    *(
        Kind(
            name, None, UNAUTHORIZED, 401, ('error="invalid_token"',),
            ("credential_use", user, "bearer", reason),
        )
        for name, user, reason in (
            ("wrong", None, "unknown"),
            ("forged", None, "invalid"),
            ("expired", None, "expired"),
            ("revoked", 7, "revoked"),
        )
    ),
    Kind(
        "missing-scope", None, FORBIDDEN, 403, ('error="insufficient_scope"', 'scope="write"'),
        ("access", 7, "api_key", "This action requires the scope 'write'"),
    ),
)  # fmt: skip


class Answer(NamedTuple):
    """The answer of a transport."""

    value: Any = None
    error: Mapping[str, Any] | None = None
    status: int | None = None
    challenge: str = ""

    @property
    def type(self) -> str | None:
        """The type of the error."""
        return None if self.error is None else self.error["type"]


class Site:
    """A running server, and credentials of all kinds."""

    def __init__(self, place: Place, server: RunningCommand) -> None:
        self.place = place
        self.server = server
        self.url: str = server.wait_for(r"listening on (http://[\w.]+:\d+)")[1]
        #: By kind: the headers of its requests.
        self.headers: dict[str, dict[str, str]] = {}
        #: The identifiers of API keys, by kind.
        self.key_ids: dict[str, str] = {}
        #: The texts that no output may contain.
        self.secrets: set[str] = {ISSUER_KEY, PASSWORD}
        self.outputs: list[str] = []
        #: The identifiers of requests without audit events.
        self.unrecorded: set[str] = set()

    async def prepare(self) -> None:
        """Create credentials of all kinds."""
        async with client() as session:
            account = {"name": "ada", "password": PASSWORD}
            async with session.put(f"{self.url}/api/session", json=account) as response:
                cookie = response.headers["Set-Cookie"].partition(";")[0]
            for kind, scopes in (("api-key", ["write"]), ("missing-scope", ["read"]),
                                 ("revoked", ["write"])):  # fmt: skip
                async with session.post(
                    f"{self.url}/api/keys", json={"scopes": scopes}
                ) as response:
                    key = await response.json()
                self.key_ids[kind] = key["id"]
                self.add_token(kind, key["secret"])
            revoked = f"{self.url}/api/keys/{self.key_ids['revoked']}"
            async with session.delete(revoked) as response:
                assert await response.json() is True
        self.headers |= {"anonymous": {}, "session": {"Cookie": cookie}}
        self.secrets.add(cookie.partition("=")[2])
        self.add_token("wrong", "s3cret-that-is-no-token")
        self.add_token("jwt", token(time.time() + 3600))
        self.add_token("expired", token(time.time() - 3600))
        self.add_token("forged", token(time.time() + 3600, key="another s3cret of 32 characters."))

    def add_token(self, kind: str, text: str) -> None:
        """Add a token to the credentials, and to the secrets."""
        self.headers[kind] = {"Authorization": f"Bearer {text}"}
        self.secrets.add(text)

    def events(self, request_id: str) -> list[dict[str, Any]]:
        """Return the audit events of a request, or of a job; written before its answer."""
        lines = self.server.read_stderr().splitlines()
        events = [json.loads(line) for line in lines if '"logger":"actionhero.audit"' in line]
        return [
            event
            for event in events
            if request_id in (event["request_id"], event["details"].get("job"))
        ]

    def audit(self, request_id: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the audit events of a request, as soon as they are read from the server."""
        self.server.wait_for(f'"(request_id|job)":"{request_id}"')
        deadline = time.monotonic() + WAIT_SECONDS
        while len(events := self.events(request_id)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return events


def client() -> aiohttp.ClientSession:
    """Return a client without a memory for cookies."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


def token(expires: float, key: str = ISSUER_KEY) -> str:
    """Return a token of the issuer."""
    claims = {"iss": ISSUER, "aud": "shop", "sub": "grace", "scope": "write", "exp": int(expires)}
    return jwt.encode({"alg": "HS256"}, claims, jwk.OctKey.import_key(key))


async def over_http(site: Site, kind: Kind, number: Any) -> Answer:
    """Call the action in a request."""
    async with (
        client() as session,
        session.put(
            f"{site.url}/api/write", json={"number": number}, headers=site.headers[kind.name]
        ) as response,
    ):
        return await answer_of(site, response)


async def over_event_stream(site: Site, kind: Kind, number: Any) -> Answer:
    """Call the action that streams."""
    headers = {"Accept": "text/event-stream", **site.headers[kind.name]}
    async with (
        client() as session,
        session.get(f"{site.url}/api/watch?number={number}", headers=headers) as response,
    ):
        if response.status == 200:
            assert response.content_type == "text/event-stream"
            text = await response.text()
            [data] = [line for line in text.splitlines() if line.startswith("data: ")]
            return Answer(data.removeprefix("data: "), status=200)
        return await answer_of(site, response)


async def over_websocket(site: Site, kind: Kind, number: Any) -> Answer:
    """Call the action over a socket whose handshake has the credentials."""
    async with client() as session:
        url = f"{site.url}/ws"
        try:
            async with session.ws_connect(url, headers=site.headers[kind.name]) as socket:
                return await call_over(site, socket, number)
        except aiohttp.WSServerHandshakeError as error:
            return refused_handshake(error)


async def over_authenticated_websocket(site: Site, kind: Kind, number: Any) -> Answer:
    """Call the action over a socket of a browser, which sends a token in a message."""
    headers = site.headers[kind.name]
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    cookie = {name: value for name, value in headers.items() if name == "Cookie"}
    async with client() as session, session.ws_connect(f"{site.url}/ws", headers=cookie) as socket:
        if token:
            await socket.send_json({"messageType": "authenticate", "messageId": 1, "token": token})
            message = await socket.receive_json(timeout=WAIT_SECONDS)
            site.outputs.append(json.dumps(message))
            if "error" in message:
                # The socket stays anonymous, and has no credentials that are not valid.
                call = await call_over(site, socket, number)
                assert call.type == UNAUTHORIZED
                return Answer(error=message["error"])
        return await call_over(site, socket, number)


async def call_over(site: Site, socket: aiohttp.ClientWebSocketResponse, number: Any) -> Answer:
    """Call the action over an open socket."""
    await socket.send_json(
        {"messageType": "action", "messageId": 2, "action": "write", "params": {"number": number}}
    )
    message = await socket.receive_json(timeout=WAIT_SECONDS)
    site.outputs.append(json.dumps(message))
    return Answer(message.get("response"), message.get("error"))


async def subscribe_over_websocket(site: Site, kind: Kind) -> Answer:
    """Subscribe to a channel over a socket whose handshake has the credentials."""
    async with client() as session:
        try:
            url = f"{site.url}/ws"
            async with session.ws_connect(url, headers=site.headers[kind.name]) as socket:
                message = {"messageType": "subscribe", "messageId": 1, "channel": "club"}
                await socket.send_json(message)
                answer = await socket.receive_json(timeout=WAIT_SECONDS)
        except aiohttp.WSServerHandshakeError as error:
            return refused_handshake(error)
    return Answer("subscribed" if "subscribed" in answer else None, answer.get("error"))


async def subscribe_to_events(site: Site, kind: Kind) -> Answer:
    """Subscribe to a channel by server-sent events."""
    url = f"{site.url}/api/channels/club/events"
    async with client() as session, session.get(url, headers=site.headers[kind.name]) as response:
        if response.status == 200:
            event = await response.content.readuntil(b"\n\n")
            return Answer("subscribed" if b"event: subscribed" in event else event)
        return await answer_of(site, response)


def refused_handshake(error: aiohttp.WSServerHandshakeError) -> Answer:
    """Return the answer to a handshake, whose body the client does not read."""
    headers: Mapping[str, str] = error.headers or {}
    document = {
        "type": {401: UNAUTHORIZED}.get(error.status), "request_id": headers.get("X-Request-Id"),
    }  # fmt: skip
    return Answer(None, document, error.status, headers.get("WWW-Authenticate", ""))


async def answer_of(site: Site, response: aiohttp.ClientResponse) -> Answer:
    """Return the answer in a response."""
    document = await response.json()
    headers = {name: value for name, value in response.headers.items() if name != "Set-Cookie"}
    site.outputs.append(f"{headers} {document}")
    if response.status == 200:
        site.unrecorded.add(response.headers["X-Request-Id"])
        return Answer(document, status=200)
    challenge = response.headers.get("WWW-Authenticate", "")
    return Answer(error=document["error"], status=response.status, challenge=challenge)


SUBSCRIPTIONS: Final = {"websocket": subscribe_over_websocket, "sse": subscribe_to_events}
TRANSPORTS: Final = {
    "http": over_http,
    "sse": over_event_stream,
    "websocket": over_websocket,
    "websocket-message": over_authenticated_websocket,
}
