"""Forged, stolen and ended identifiers do not grant access to a session."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Connection
from actionhero_redis import RedisClients
from actionhero_sessions import Sessions
from actionhero_sessions.records import _WRITE

if TYPE_CHECKING:
    from plugins.sessions.tests.conftest import Site

FORGED = "A" * 43


@pytest.mark.parametrize("cookie", [FORGED, "x", "", "*", "of:7", "a b", '"', "%00", "A" * 10000])
async def test_a_forged_identifier_is_never_used(site: Site, cookie: str) -> None:
    """This prevents session fixation."""
    headers = {"Cookie": f"__session={cookie}"}
    async with site.browser() as browser:
        if len(cookie) < 8000:
            assert (await browser.get("/values", headers=headers)).json() == {}
            response = await browser.post(
                "/value/set", json={"key": "a", "value": 1}, headers=headers
            )

            new = response.cookies["__session"]
            assert new != cookie
            assert site.keys == [site.key(new)]
        else:
            assert (await browser.get("/values", headers=headers)).status_code < 500
            assert site.keys == []


async def test_sign_in_replaces_the_identifier(site: Site) -> None:
    """The old identifier is invalid, and the values are preserved."""
    async with site.browser() as browser, site.browser() as thief:
        await browser.post("/value/set", json={"key": "basket", "value": ["tea"]})
        before = browser.cookies["__session"]
        signed_in = await browser.put("/session", json={"user": 7})
        after = browser.cookies["__session"]

        assert after != before
        assert signed_in.json() == after
        assert (await browser.get("/values")).json() == {"basket": ["tea"], "userId": 7}
        stolen = await thief.get("/values", headers={"Cookie": f"__session={before}"})
        assert stolen.json() == {}
        assert site.key(before) not in site.keys


async def test_a_modified_identifier_is_invalid(site: Site) -> None:
    """Also if only one character differs."""
    async with site.browser() as browser, site.browser() as thief:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        other = ("B" if cookie[0] == "A" else "A") + cookie[1:]

        for modified in (other, cookie[:-1], cookie + "A", cookie.swapcase()):
            response = await thief.get("/whoami", headers={"Cookie": f"__session={modified}"})
            assert response.status_code == 401


async def test_an_expired_identifier_is_not_used_again(site: Site) -> None:
    """The browser may still send its cookie."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        site.redis.pexpireat(site.key(cookie), 1)

        assert (await browser.get("/whoami")).status_code == 401
        await browser.post("/value/set", json={"key": "a", "value": 1})
        assert browser.cookies["__session"] != cookie
        assert (await browser.get("/values")).json() == {"a": 1}


async def test_every_call_renews_the_time_to_live(site: Site) -> None:
    """Every key in Redis has one."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        key = site.key(browser.cookies["__session"])
        site.redis.pexpire(key, 60_000)

        await browser.get("/plain")

        assert site.redis.pttl(key) > 86_000_000
        assert len(site.keys) == 2
        for name in site.keys:
            assert 0 < site.redis.pttl(name) <= 2 * 86_400_000


async def test_destroy_all_ends_every_session_of_a_user(site: Site) -> None:
    """And no session of another user."""
    async with site.browser() as laptop, site.browser() as phone, site.browser() as other:
        await laptop.put("/session", json={"user": 7})
        await phone.put("/session", json={"user": 7})
        await phone.put("/session", json={"user": 7})
        await other.put("/session", json={"user": 8})

        assert (await laptop.delete("/sessions")).json() == 2

        assert (await laptop.get("/whoami")).status_code == 401
        assert (await phone.get("/whoami")).status_code == 401
        assert (await other.get("/whoami")).json() == 8


async def test_destroy_all_finds_sessions_that_were_created_during_another(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first comes between the entry in the index and the session."""
    sessions = site.app.get(Sessions)
    run_script = RedisClients.run_script

    async def destroy_and_run(clients: RedisClients, script: Any, *arguments: Any) -> Any:
        if script is _WRITE:
            monkeypatch.undo()
            assert await sessions.destroy_all(7) == 0
        return await run_script(clients, script, *arguments)

    monkeypatch.setattr(RedisClients, "run_script", destroy_and_run)
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})

        assert await sessions.destroy_all(7) == 1
        assert (await browser.get("/whoami")).status_code == 401


async def test_destroy_all_skips_sessions_of_another_user(site: Site) -> None:
    """A session can be indexed by a previous user."""
    async with site.browser() as shared, site.browser() as own:
        await shared.put("/session", json={"user": 7})
        await shared.post("/value/set", json={"key": "userId", "value": 8})
        await own.put("/session", json={"user": 7})

        assert (await own.delete("/sessions")).json() == 1

        assert (await shared.get("/whoami")).json() == 8


async def test_destroy_all_ends_thousands_of_sessions_in_parts(site: Site) -> None:
    """Those that have expired in the meantime are not counted."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        with site.redis.pipeline(transaction=False) as pipeline:
            for number in range(1201):
                if number != 600:
                    pipeline.hset(site.key(f"s{number}"), mapping={"created": 1, ":userId": "7"})
                pipeline.zadd(site.key("of:7"), {f"s{number}": 2**42})
            pipeline.execute()

        assert (await browser.delete("/sessions")).json() == 1201

    assert site.keys == []


async def test_sessions_work_after_redis_has_lost_its_scripts(site: Site) -> None:
    """As after a restart or a failover."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        site.redis.script_flush()
        assert (await browser.get("/whoami")).json() == 7
        site.redis.script_flush()
        assert (await browser.post("/value/set", json={"key": "a", "value": 1})).is_success

        assert (await browser.get("/values")).json() == {"userId": 7, "a": 1}


async def test_a_session_is_indexed_again_before_its_entry_expires(site: Site) -> None:
    """So that `destroy_all` ends long sessions too."""
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        index = next(key for key in site.keys if ":of:" in key)
        site.redis.delete(index)
        await browser.get("/plain")
        assert index not in site.keys

        site.redis.hset(site.key(browser.cookies["__session"]), "indexed", "1")
        await browser.get("/plain")

        assert index in site.keys
        assert (await browser.delete("/sessions")).json() == 1


async def test_ended_sessions_are_published(site: Site) -> None:
    """In Redis, on the revocation channel."""
    channel = site.app.get(Sessions).revocation_channel
    async with site.browser() as browser:
        with site.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe(channel)
            subscriber.get_message(timeout=5)
            ended = []
            await browser.put("/session", json={"user": 7})
            for method, path in (("PUT", "/session"), ("DELETE", "/session")):
                ended.append(browser.cookies["__session"])
                await browser.request(method, path, json={"user": 7})
            await browser.put("/session", json={"user": 7})
            ended.append(browser.cookies["__session"])
            await browser.delete("/sessions")

            messages = [subscriber.get_message(timeout=5) for _ in ended]

    assert [item["data"].decode() for item in messages if item] == ended


async def test_changes_of_sessions_that_sockets_use_are_published(site: Site) -> None:
    """And those of other sessions are not."""
    channel = site.app.get(Sessions).revocation_channel
    async with site.browser() as browser:
        await browser.put("/session", json={"user": 7})
        cookie = browser.cookies["__session"]
        with site.redis.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe(channel)
            subscriber.get_message(timeout=5)
            await browser.post("/value/set", json={"key": "before", "value": 1})

            socket = Connection("websocket")
            socket.session_id = cookie
            session = await site.app.get(Sessions).open(socket)
            await browser.post("/value/set", json={"key": "after", "value": 1})
            await browser.delete("/session")
            messages = [subscriber.get_message(timeout=5) for _ in range(2)]

    assert session["before"] == 1
    assert [item["data"].decode() for item in messages if item] == [f"changed:{cookie}", cookie]


async def test_ended_sessions_are_reported_to_transports(site: Site) -> None:
    """Without knowledge of the channel."""
    async with aclosing(site.app.get(Sessions).revocations()) as revocations:
        # The subscription has begun.
        assert await anext(revocations) is None
        async with site.browser() as browser:
            await browser.put("/session", json={"user": 7})
            cookie = browser.cookies["__session"]
            await browser.delete("/session")

        assert await anext(revocations) == cookie
