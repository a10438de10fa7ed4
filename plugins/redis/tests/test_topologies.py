"""Real servers with TLS, behind sentinels, and in a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import trustme

from actionhero import Action, App, Call, RunMode, UnavailableError
from actionhero.errors import ErrorType
from actionhero.settings.sources import read_sources
from actionhero.testing import free_port, running_app
from actionhero_redis import RedisClients, plugin
from actionhero_redis.doctor_checks import diagnose
from actionhero_redis.testing import (
    throw_away_cluster,
    throw_away_redis,
    throw_away_sentinel,
)

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_redis.testing import ThrowAwayCluster, ThrowAwayRedis


class Visit(Action):
    """Count a visit."""

    name = "visit"

    async def run(self, call: Call) -> int:
        clients = call.get(RedisClients)
        return int(await clients.client.incr(clients.key("visits")))


async def use(clients: RedisClients) -> None:
    """Use each kind of client."""
    key = clients.key("x")
    await clients.client.set(key, "1")
    assert await clients.bytes.get(key) == b"1"
    assert await clients.execute("GET", key) == b"1"
    # Before any other use of its client.
    subscriber = clients.pubsub(ignore_subscribe_messages=True)
    try:
        await subscriber.subscribe(clients.key("news"))
        await subscriber.get_message(timeout=5)
        await clients.client.publish(clients.key("news"), "hello")
        message = None
        while message is None:
            message = await subscriber.get_message(timeout=5)
        assert message["data"] == "hello"
    finally:
        await subscriber.aclose()
    assert await clients.blocking.blpop([clients.key("none")], timeout=0.01) is None

    def increase() -> int:
        with clients.connect_sync() as client:
            return int(client.incr(key))

    assert await asyncio.to_thread(increase) == 2


async def test_every_client_works_behind_sentinels(redis_server: ThrowAwayRedis) -> None:
    """The sentinels know the address of the server."""
    with throw_away_sentinel(redis_server) as sentinel:
        environ = {"REDIS_URL": sentinel.url}

        async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
            await use(app.get(RedisClients))


async def test_commands_behind_sentinels_wait_for_a_connection(
    redis_server: ThrowAwayRedis,
) -> None:
    """There are more concurrent commands than connections."""
    with throw_away_sentinel(redis_server) as sentinel:
        environ = {
            "REDIS_URL": sentinel.url,
            "ACTIONHERO_REDIS__POOL_SIZE": "2",
        }

        async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
            client = app.get(RedisClients).client
            assert all(await asyncio.gather(*(client.ping() for _ in range(50))))


async def test_an_unknown_service_refuses_to_start(
    redis_server: ThrowAwayRedis,
) -> None:
    """The message names the service."""
    with throw_away_sentinel(redis_server) as sentinel:
        environ = {"REDIS_URL": f"redis+sentinel://127.0.0.1:{sentinel.port}/other"}

        with pytest.raises(UnavailableError, match="No master found for 'other'"):
            async with running_app(plugin, environ=environ, mode=RunMode.SERVER):
                pass


async def test_every_client_works_with_a_cluster(redis_cluster: ThrowAwayCluster) -> None:
    """For commands with one key."""
    environ = {"REDIS_URL": redis_cluster.url}

    async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
        await use(app.get(RedisClients))


async def test_a_prefix_in_braces_puts_all_keys_into_one_slot(
    redis_cluster: ThrowAwayCluster,
) -> None:
    """Commands with several keys work."""
    environ = {"REDIS_URL": redis_cluster.url, "ACTIONHERO_REDIS__PREFIX": "{shop}"}

    async with running_app(plugin, environ=environ) as app:
        clients = app.get(RedisClients)
        await clients.client.set(clients.key("a"), "1")
        assert await clients.client.mget(clients.key("a"), clients.key("b")) == ["1", None]


async def test_an_unreachable_cluster_refuses_to_start() -> None:
    """Like an unreachable server."""
    environ = {"REDIS_URL": f"redis+cluster://127.0.0.1:{free_port()}"}

    with pytest.raises(UnavailableError, match=r"redis at redis\+cluster://.* cannot be used"):
        async with running_app(plugin, environ=environ, mode=RunMode.SERVER):
            pass


async def test_calls_recover_from_an_outage_of_a_cluster() -> None:
    """During the outage every error is `ServiceUnavailable`; afterwards calls succeed."""
    with throw_away_cluster() as cluster:
        environ = {"REDIS_URL": cluster.url, "ACTIONHERO_REDIS__RETRIES": "1"}
        async with running_app(plugin, Visit, environ=environ, mode=RunMode.SERVER) as app:
            assert await app.call("visit") == 1
            cluster.stop()

            # The first call has closed connections, the next ones cannot connect.
            failures = [await app.connect().outcome("visit") for _ in range(3)]
            cluster.start()
            async with asyncio.timeout(30):
                # A cluster has no event for its recovery.
                while (success := await app.connect().outcome("visit")).error is not None:
                    assert success.error.type is ErrorType.SERVICE_UNAVAILABLE
                    await asyncio.sleep(0.05)

    assert {outcome.error and outcome.error.type for outcome in failures} == {
        ErrorType.SERVICE_UNAVAILABLE
    }
    assert success.value == 2


async def test_tls_verifies_the_certificate(folder: Path) -> None:
    """With the certificate authority of the URL."""
    authority = trustme.CA()
    signed = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    signed.private_key_pem.write_to_path(str(folder / "key.pem"))
    signed.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    port = free_port()
    options = [
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem")),
        *("--tls-ca-cert-file", str(folder / "ca.pem")),
    ]
    with throw_away_redis(options=options):
        url = f"rediss://127.0.0.1:{port}/0"
        environ = {"REDIS_URL": f"{url}?ssl_ca_certs={folder / 'ca.pem'}"}

        async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
            await use(app.get(RedisClients))
        with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            async with running_app(plugin, environ={"REDIS_URL": url}, mode=RunMode.SERVER):
                pass


def test_doctor_checks_clusters_and_servers_behind_sentinels(
    redis_server: ThrowAwayRedis, redis_cluster: ThrowAwayCluster, folder: Path
) -> None:
    """With the same results as for a single server."""
    with throw_away_sentinel(redis_server) as sentinel:
        for url in (sentinel.url, redis_cluster.url):
            app = App.from_plugins([plugin], read_sources(folder, environ={"REDIS_URL": url}))

            messages = {item.check: item.message for item in diagnose(app, deploy=True)}

            assert messages["redis.appendonly"] == "yes"
            assert messages["redis.clock"] == "within 1 s of the local clock"
