"""`actionhero doctor --deploy` warns of an unsafe session cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import App
from actionhero.cli.doctor import examine
from actionhero.settings.sources import read_sources
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"SECURE": "true"}, {}),
        ({"SECURE": "false"}, {"sessions.secure": "remove the setting"}),
        (
            {"SECURE": "true", "SAME_SITE": "None"},
            {"sessions.same_site": "only web.cross_origin_protection refuses them; use Lax"},
        ),
    ],
    ids=str,
)
def test_an_unsafe_cookie_has_a_warning(
    tmp_path: Path, settings: dict[str, str], expected: dict[str, str]
) -> None:
    """With the remedy; without `--deploy` there is none."""
    environ = {f"ACTIONHERO_SESSIONS__{name}": value for name, value in settings.items()}
    environ["ACTIONHERO_REDIS__MODE"] = "memory"
    plugins = [web_plugin, redis_plugin, plugin]

    def messages(*, deploy: bool) -> dict[str, str]:
        app = App.from_plugins(plugins, read_sources(tmp_path, environ=environ))
        return {
            item.check: item.message
            for item in examine(app, deploy=deploy)
            if item.check.startswith("sessions.")
        }

    found = messages(deploy=True)
    assert list(found) == list(expected)
    assert all(text in found[name] for name, text in expected.items())
    assert messages(deploy=False) == {}
