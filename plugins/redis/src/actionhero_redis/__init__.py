"""Redis for ActionHero. `RedisClients` is what an author asks for: `call.get(RedisClients)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_redis.clients import RedisClients as RedisClients
    from actionhero_redis.settings import RedisSettings as RedisSettings

__all__ = ["RedisClients", "RedisSettings"]

_HOME = {"RedisClients": "clients", "RedisSettings": "settings"}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_redis' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_redis.{module}"), name)
