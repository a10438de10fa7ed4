"""Redis for ActionHero: actions get their clients with `call.get(RedisClients)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_redis.clients import RedisClients as RedisClients
    from actionhero_redis.clients import clients_for as clients_for
    from actionhero_redis.errors import is_transient as is_transient
    from actionhero_redis.expiring_set import NOW_MS as NOW_MS
    from actionhero_redis.expiring_set import ExpiringSet as ExpiringSet
    from actionhero_redis.one_off_run import run_with_redis as run_with_redis
    from actionhero_redis.script import PreparedScript as PreparedScript
    from actionhero_redis.script import Script as Script
    from actionhero_redis.settings import RedisSettings as RedisSettings
    from actionhero_redis.store import select_store as select_store
    from actionhero_redis.subscription import channel_messages as channel_messages

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".clients": ["RedisClients", "clients_for"],
        ".errors": ["is_transient"],
        ".expiring_set": ["NOW_MS", "ExpiringSet"],
        ".one_off_run": ["run_with_redis"],
        ".script": ["PreparedScript", "Script"],
        ".settings": ["RedisSettings"],
        ".store": ["select_store"],
        ".subscription": ["channel_messages"],
    },
)
