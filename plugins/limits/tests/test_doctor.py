"""`actionhero doctor --deploy` reports limits that several processes count separately."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import App
from actionhero.cli.doctor import examine
from actionhero.settings.sources import read_sources
from actionhero_limits import plugin as limits_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = {"ACTIONHERO_LIMITS__STORE": "local"}
FOUR = {"ACTIONHERO_WEB__WORKERS": "4"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        (FOUR, []),
        ({**LOCAL, **FOUR, "ACTIONHERO_LIMITS__ENABLED": "false"}, []),
        (
            LOCAL,
            ["calls are counted by this process; use redis for several processes or machines"],
        ),
        (
            {**LOCAL, **FOUR},
            [
                "is local, and each of the 4 processes counts on its own, so clients can make up "
                "to 4 times as many calls; set it to redis, or web.workers to 1"
            ],
        ),
    ],
    ids=["redis", "redis and workers", "disabled", "one process", "workers"],
)
def test_several_processes_with_local_counters_are_a_warning(
    tmp_path: Path, environ: dict[str, str], expected: list[str]
) -> None:
    """The message names the setting and the remedy."""
    memory = {"ACTIONHERO_REDIS__MODE": "memory"}
    sources = read_sources(tmp_path, environ={**memory, **environ})
    app = App.from_plugins([web_plugin, redis_plugin, limits_plugin], sources)

    diagnoses = [item for item in examine(app, deploy=True) if item.check == "limits.store"]

    assert [item.message for item in diagnoses] == expected
    assert {str(item.finding) for item in diagnoses} <= {
        "warning" if "4" in str(expected) else "ok"
    }


def test_there_is_no_check_in_development(tmp_path: Path) -> None:
    """One process is the default there."""
    environ = {"ACTIONHERO_REDIS__MODE": "memory", **LOCAL}
    sources = read_sources(tmp_path, environ=environ)
    app = App.from_plugins([web_plugin, redis_plugin, limits_plugin], sources)

    assert "limits.store" not in {item.check for item in examine(app, deploy=False)}
