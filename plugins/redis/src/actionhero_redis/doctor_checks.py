"""What `actionhero doctor` says of Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from actionhero import ConfigurationError
from actionhero.transport import Diagnosis, Finding
from actionhero_redis.clients import clients_for
from actionhero_redis.store import Store, StoreKind, select_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application

#: Clocks that differ by more make leases, sessions and scheduled jobs end early or late.
CLOCK_SECONDS = 1.0


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return which Redis is in use; in production also how the server is set up."""
    if app.settings_are_wrong:
        return []
    try:
        store = select_store(app)
    except ConfigurationError:
        # Told already: it keeps the application from starting.
        return []
    found = [_in_use(store, deploy=deploy)]
    if deploy and store.kind is StoreKind.SERVER:
        found += _server(app, store)
    return found


def _in_use(store: Store, *, deploy: bool) -> Diagnosis:
    if store.kind is StoreKind.MEMORY:
        message = (
            f"{store}: nothing is kept when it ends, and no other process sees it; install "
            "redis-server or valkey-server, or set REDIS_URL"
        )
        return Diagnosis("redis.mode", Finding.WARNING, message)
    if deploy and store.kind is StoreKind.EMBEDDED:
        message = f"{store}: no other machine can use it; set REDIS_URL to a server that all share"
        return Diagnosis("redis.mode", Finding.WARNING, message)
    return Diagnosis("redis.mode", Finding.OK, str(store))


def _server(app: Application, store: Store) -> list[Diagnosis]:
    from redis.exceptions import RedisClusterException, RedisError

    try:
        client = clients_for(app, store).connect_sync()
        try:
            return [*_set_up(client), _clock(client)]
        finally:
            client.close()
    except (RedisError, RedisClusterException) as error:
        return [Diagnosis("redis.server", Finding.FAILED, f"cannot be asked: {error}")]


def _set_up(client: Any) -> Iterator[Diagnosis]:
    from redis.exceptions import ResponseError

    wanted = {
        "appendonly": ("yes", "what was written last is lost when the server ends; set it to yes"),
        "maxmemory-policy": (
            "noeviction",
            "sessions and jobs are thrown away when memory is short; set it to noeviction",
        ),
    }
    for name, (good, advice) in wanted.items():
        try:
            value = client.config_get(name).get(name)
        except ResponseError as error:
            message = f"the server does not tell ({error}); look at it where the server is run"
            yield Diagnosis(f"redis.{name}", Finding.WARNING, message)
            continue
        if value == good:
            yield Diagnosis(f"redis.{name}", Finding.OK, good)
        else:
            yield Diagnosis(f"redis.{name}", Finding.WARNING, f"is {value}: {advice}")


def _clock(client: Any) -> Diagnosis:
    before = time.time()
    seconds, microseconds = client.time()
    here = (before + time.time()) / 2
    offset = seconds + microseconds / 1_000_000 - here
    if abs(offset) > CLOCK_SECONDS:
        direction = "ahead of" if offset > 0 else "behind"
        message = f"the server's is {abs(offset):.1f} s {direction} ours; run NTP on both machines"
        return Diagnosis("redis.clock", Finding.WARNING, message)
    return Diagnosis("redis.clock", Finding.OK, f"within {CLOCK_SECONDS:.0f} s of ours")
