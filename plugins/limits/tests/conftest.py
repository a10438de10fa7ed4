"""Fixtures of the tests of limits."""

from __future__ import annotations

from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
