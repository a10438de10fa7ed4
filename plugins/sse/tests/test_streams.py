"""The event stream of a channel, as a client over HTTP sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plugins.sse.tests.conftest import ServerEvent

from actionhero_sessions import Sessions

if TYPE_CHECKING:
    from plugins.sse.tests.conftest import Serve, Site

    from actionhero import Connection, Session


async def test_broadcasts_are_events_with_their_identifiers(site: Site) -> None:
    """The first event confirms the subscription."""
    async with site.events("room:7") as events:
        confirmation = await events.next()
        ids = await site.broadcast("room:7", {"text": "Hello"}, "two\nlines")
        received = [await events.next(), await events.next()]

    assert confirmation == ServerEvent(
        "subscribed", {"channel": "room:7", "gap": False}, "0-0", "2000"
    )
    assert received == [
        ServerEvent(
            "message",
            {"channel": "room:7", "message": message, "sender": "unknown-sender", "id": id},
            id,
        )
        for message, id in zip([{"text": "Hello"}, "two\nlines"], ids, strict=True)
    ]
    assert events.response.content_type == "text/event-stream"
    assert events.response.headers["X-Accel-Buffering"] == "no"
    assert events.response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("source", ["header", "query", "both"])
async def test_a_stream_resumes_after_the_last_event_received(site: Site, source: str) -> None:
    """The header takes precedence: the query of a browser is that of its first request."""
    first, *_ = await site.broadcast("room:7", "1", "2", "3")
    options = {
        "header": {"headers": {"Last-Event-ID": first}},
        "query": {"params": {"since": first}},
        "both": {"headers": {"Last-Event-ID": first}, "params": {"since": "0-0"}},
    }

    async with site.events("room:7", **options[source]) as events:
        confirmation = await events.next()
        await site.broadcast("room:7", "4")
        messages = await events.messages(3)

    assert messages == ["2", "3", "4"]
    assert confirmation.data["gap"] is False
    # An interruption before the first broadcast resumes from the same place.
    assert confirmation.id == first


@pytest.mark.parametrize(
    ("channel", "since"), [("room:7", "0-0"), ("room:7", "unknown"), ("news", "live")],
    ids=["trimmed history", "invalid identifier", "no history"],
)  # fmt: skip
async def test_lost_broadcasts_are_reported_as_a_gap(site: Site, channel: str, since: str) -> None:
    await site.broadcast(channel, *map(str, range(8)))

    async with site.events(channel, headers={"Last-Event-ID": since}) as events:
        confirmation, gap = await events.next(), await events.next()

    assert confirmation.data == {"channel": channel, "gap": True}
    assert gap == ServerEvent("gap", {"channel": channel})


async def test_a_channel_without_history_has_an_identifier_that_reports_a_gap(site: Site) -> None:
    """A browser sends it after an interruption, also if it has received no broadcast."""
    async with site.events("news") as events:
        id = (await events.next("subscribed")).id or ""
    async with site.events("news", headers={"Last-Event-ID": id}) as events:
        resumed = await events.next("subscribed")

    assert resumed.data["gap"] is True


@pytest.mark.parametrize(
    ("channel", "statuses", "type", "message"),
    [
        ("club", (403, 403), "CONNECTION_CHANNEL_AUTHORIZATION",
         "Authentication required to join this channel"),
        ("nowhere", (404, 500), "CONNECTION_ACTION_RECORD_NOT_FOUND", "Channel not found: nowhere"),
        ("a%20b", (422, 400), "CONNECTION_CHANNEL_VALIDATION", "Invalid channel name"),
    ],
    ids=["refused", "unknown", "invalid name"],
)  # fmt: skip
@pytest.mark.parametrize("error_format", ["standard", "actionhero"])
async def test_a_refused_stream_is_an_ordinary_error_response(
    serve: Serve,
    error_format: str,
    channel: str,
    statuses: tuple[int, int],
    type: str,
    message: str,
) -> None:
    async with (
        serve(ACTIONHERO_WEB__ERROR_FORMAT=error_format) as site,
        site.client.get(f"{site.origin}/api/channels/{channel}/events") as response,
    ):
        error = (await response.json())["error"]

    assert response.status == statuses[error_format == "actionhero"]
    assert error["message"] == message
    assert error_format == "actionhero" or error["type"] == type


async def test_methods_and_origins_are_those_of_other_routes(serve: Serve) -> None:
    page = {"Origin": "https://page.example"}
    async with serve(ACTIONHERO_WEB__ALLOWED_ORIGINS='["https://page.example"]') as site:
        head = await site.request("HEAD", "/channels/news/events")
        options = await site.request("OPTIONS", "/channels/news/events")
        post = await site.request("POST", "/channels/news/events")
        async with site.events("news", headers=page) as events:
            await events.next("subscribed")

    assert (head.status, head.content_type) == (200, "text/event-stream")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert post.status == 405
    assert events.response.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert events.response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_the_presence_of_a_stream_begins_and_ends_with_it(site: Site) -> None:
    """Members that join and leave are events without an identifier."""
    await site.request("PUT", "/session", json={"user": 1})
    async with site.events("club") as watching:
        await watching.next("presence")
        await site.request("PUT", "/session", json={"user": 2})
        async with site.events("club") as events:
            await events.next("subscribed")
            joined = await watching.next()
        left = await watching.next()

    assert [(each.event, each.id, each.data["message"]) for each in (joined, left)] == [
        ("presence", None, '{"event":"join","presenceKey":"2"}'),
        ("presence", None, '{"event":"leave","presenceKey":"2"}'),
    ]


async def test_the_end_of_the_session_ends_the_stream(site: Site) -> None:
    """Only the streams of that session that need it."""
    await site.request("PUT", "/session", json={"user": 1})
    async with site.events("club") as club, site.events("news") as news:
        await club.next("presence")
        await news.next("subscribed")
        await site.request("DELETE", "/session")
        end = await club.next()
        with pytest.raises(EOFError):
            await club.next()
        await site.broadcast("news", "still here")
        messages = await news.messages(1)
    async with site.events("club") as refused:
        pass

    assert end == ServerEvent("unsubscribed", {"channel": "club"})
    assert messages == ["still here"]
    assert refused.response.status == 403


async def test_the_stream_ends_when_the_session_expires(serve: Serve) -> None:
    """Only calls renew the time to live, and the client has made none since."""
    async with serve(ACTIONHERO_SESSIONS__TTL="2s") as site:
        await site.request("PUT", "/session", json={"user": 1})
        async with site.events("club") as club:
            await club.next("presence")
            end = await club.next()

    assert end == ServerEvent("unsubscribed", {"channel": "club"})


@pytest.mark.parametrize("count", [1, 2])
async def test_a_session_that_ends_after_it_is_loaded_opens_no_stream(
    site: Site, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """It is loaded for the call, and again when the stream is known to the process."""
    await site.request("PUT", "/session", json={"user": 1})
    sessions = site.app.get(Sessions)
    load = sessions.open
    remaining = count

    async with site.events("club") as other:
        await other.next("presence")

        async def load_and_end(connection: Connection) -> Session:
            nonlocal remaining
            session = await load(connection)
            remaining -= 1
            if not remaining:
                await sessions.destroy_all(1)
                await other.next("unsubscribed")
            return session

        monkeypatch.setattr(sessions, "open", load_and_end)
        async with site.events("club") as events:
            pass

    assert events.response.status == 403


async def test_idle_streams_send_comments(serve: Serve) -> None:
    async with (
        serve(ACTIONHERO_WEB__STREAM_HEARTBEAT="0.01") as site,
        site.events("news") as events,
    ):
        await events.next("subscribed")

        assert await events.response.content.readline() == b":\n"
