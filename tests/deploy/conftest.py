"""Fixtures of tests behind the documented nginx."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.deploy.site import Site, documented_nginx

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Site]:
    """Return the running nginx, with two servers that do not run yet."""
    with ExitStack() as stack:
        redis = stack.enter_context(throw_away_redis())
        site = Site(tmp_path, redis.url)
        for server in site.servers:
            stack.callback(server.kill)
        first, second = site.servers
        nginx = documented_nginx(program("nginx"), tmp_path, (first.port, second.port))
        site.port = stack.enter_context(nginx)
        yield site
