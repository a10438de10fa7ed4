"""The checks of `actionhero doctor` for Redis."""

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

#: The share of the memory of the server above which a warning follows.
MAX_MEMORY_SHARE = 0.8
#: The settings of other packages that determine how long data is stored in Redis.
LIFETIMES = ("tasks.result_ttl", "sessions.ttl", "limits.idempotency_ttl")
#: A larger difference of clocks makes leases, sessions and scheduled jobs end early or late.
MAX_CLOCK_OFFSET_SECONDS = 1.0


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the Redis in use; for production also the configuration of the server."""
    if app.has_invalid_settings:
        return []
    try:
        store = select_store(app)
    except ConfigurationError:
        # The validation of the application reports it.
        return []
    diagnoses = [_check_mode(store, deploy=deploy)]
    if deploy and store.kind is StoreKind.SERVER:
        diagnoses += _check_server(app, store)
    return diagnoses


def _check_mode(store: Store, *, deploy: bool) -> Diagnosis:
    if store.kind is StoreKind.MEMORY:
        message = (
            f"{store}: its data is lost when the process ends, and other processes cannot see it; "
            "install redis-server or valkey-server, or set REDIS_URL"
        )
        return Diagnosis("redis.mode", Finding.WARNING, message)
    if deploy and store.kind is StoreKind.EMBEDDED:
        message = f"{store}: other machines cannot use it; set REDIS_URL to a shared server"
        return Diagnosis("redis.mode", Finding.WARNING, message)
    return Diagnosis("redis.mode", Finding.OK, str(store))


def _check_server(app: Application, store: Store) -> list[Diagnosis]:
    from redis.exceptions import RedisClusterException, RedisError

    try:
        client = clients_for(app, store).connect_sync()
        try:
            return [
                *_check_configuration(client),
                _check_memory(app, client),
                _check_clock(client),
            ]
        finally:
            client.close()
    except (RedisError, RedisClusterException) as error:
        message = f"cannot be queried: {error}; start it, or correct REDIS_URL"
        return [Diagnosis("redis.server", Finding.FAILED, message)]


def _check_configuration(client: Any) -> Iterator[Diagnosis]:
    from redis.exceptions import ResponseError

    options = {
        "appendonly": ("yes", "the last writes are lost when the server stops; set it to yes"),
        "maxmemory-policy": (
            "noeviction",
            "sessions and jobs are evicted when memory is short; set it to noeviction",
        ),
    }
    for name, (expected, advice) in options.items():
        try:
            value = client.config_get(name).get(name)
        except ResponseError as error:
            message = f"the server does not report it ({error}); check its configuration"
            yield Diagnosis(f"redis.{name}", Finding.WARNING, message)
            continue
        if value == expected:
            yield Diagnosis(f"redis.{name}", Finding.OK, expected)
        else:
            yield Diagnosis(f"redis.{name}", Finding.WARNING, f"is {value}: {advice}")


def _check_memory(app: Application, client: Any) -> Diagnosis:
    """Check that the data of the server, which expires, has a limit that is not nearly reached."""
    memory = client.info("memory")
    used, limit = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
    if not limit:
        message = (
            "is not set, so the system ends the server when the memory of the machine is used up; "
            "set it below that memory, such as: maxmemory 1gb"
        )
        return Diagnosis("redis.maxmemory", Finding.WARNING, message)
    share = used / limit
    if share < MAX_MEMORY_SHARE:
        return Diagnosis("redis.maxmemory", Finding.OK, f"{share:.0%} of {_megabytes(limit)} used")
    lifetimes = [
        f"{section.section}.{name} ({value})"
        for section in app.settings
        for name, value in section
        if f"{section.section}.{name}" in LIFETIMES
    ]
    remedy = f", or shorten {', '.join(lifetimes)}" if lifetimes else ""
    message = (
        f"{share:.0%} of {_megabytes(limit)} are used; when it is reached, all writes fail, such "
        f"as sign-ins and new jobs; raise it{remedy}"
    )
    return Diagnosis("redis.maxmemory", Finding.WARNING, message)


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:,.0f} MiB"


def _check_clock(client: Any) -> Diagnosis:
    before = time.time()
    seconds, microseconds = client.time()
    local = (before + time.time()) / 2
    offset = seconds + microseconds / 1_000_000 - local
    if abs(offset) > MAX_CLOCK_OFFSET_SECONDS:
        direction = "ahead of" if offset > 0 else "behind"
        message = (
            f"the server's clock is {abs(offset):.1f} s {direction} the local clock; run NTP on "
            "both machines"
        )
        return Diagnosis("redis.clock", Finding.WARNING, message)
    message = f"within {MAX_CLOCK_OFFSET_SECONDS:.0f} s of the local clock"
    return Diagnosis("redis.clock", Finding.OK, message)
