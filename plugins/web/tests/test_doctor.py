"""`actionhero doctor --deploy` warns of settings of the HTTP server that are unsafe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import Action, App, hookimpl
from actionhero.cli.doctor import examine
from actionhero.health import Finding
from actionhero.settings.sources import read_sources
from actionhero_web import plugin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Settings without a warning.
SAFE = {
    "ACTIONHERO_ENV": "production",
    "ACTIONHERO_APP__SECRET_KEY": "0123456789abcdef" * 2,
    "ACTIONHERO_WEB__ALLOWED_HOSTS": "shop.example",
    "ACTIONHERO_WEB__TRUSTED_PROXIES": "127.0.0.1",
    "ACTIONHERO_WEB__TRUSTED_ORIGINS": "https://partner.example",
}


class Webhook(Action):
    name = "webhook"
    web = "POST /webhook"
    cross_origin = True

    async def run(self) -> None:
        pass


class Ping(Action):
    name = "ping"
    web = "POST /ping"
    cross_origin = False

    async def run(self) -> None:
        pass


class Actions:
    """A plugin with actions."""

    def __init__(self, *actions: type[Action]) -> None:
        self._actions = actions

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return list(self._actions)


def warnings(
    tmp_path: Path,
    *actions: type[Action],
    environ: Mapping[str, str] | None = None,
    deploy: bool = True,
) -> dict[str, str]:
    """Return the warnings of the checks, without those of the machine: parser and processes."""
    sources = read_sources(tmp_path, environ={**SAFE, **(environ or {})})
    diagnoses = examine(App.from_plugins([plugin, Actions(*actions)], sources), deploy=deploy)
    assert all(item.finding is not Finding.FAILED for item in diagnoses)
    return {
        item.check: item.message
        for item in diagnoses
        if item.finding is Finding.WARNING and item.check not in {"web.parser", "processes"}
    }


def test_safe_settings_have_no_warning(tmp_path: Path) -> None:
    """For production."""
    assert warnings(tmp_path, Ping) == {}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("allowed_hosts", "", "requests for any host are handled; list the names of this server"),
        ("allowed_origins", "*", "pages of every origin may read responses; list your own"),
        ("allowed_origins", "http://a.example", "can change the pages of http://a.example; use "),
        ("trusted_origins", "http://a.example", "can change the pages of http://a.example; use "),
        ("cross_origin_protection", "false", "is disabled, so pages of other sites may act with"),
        ("trusted_proxies", "", "so all clients have the address of the proxy; list the proxy"),
        ("trusted_proxies", "0.0.0.0/0", "0.0.0.0/0 includes clients, which could forge"),
        ("trusted_proxies", "10.0.0.0/8,::/0", "::/0 includes clients, which could forge"),
        ("strict_transport_security", "", "browsers may use connections without TLS; remove"),
        ("reload", "true", "use it in development only"),
    ],
    ids=str,
)
def test_unsafe_settings_have_a_warning(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    """With the remedy; without `--deploy` there is none."""
    environ = {f"ACTIONHERO_WEB__{name.upper()}": value}

    found = warnings(tmp_path, environ=environ)

    assert list(found) == [f"web.{name}"]
    assert message in found[f"web.{name}"]
    assert warnings(tmp_path, environ=environ, deploy=False) == {}


def test_a_server_without_tls_and_proxies_has_a_warning(tmp_path: Path) -> None:
    """If other machines reach it."""
    environ = {"ACTIONHERO_WEB__HOST": "0.0.0.0", "ACTIONHERO_WEB__TRUSTED_PROXIES": ""}

    found = warnings(tmp_path, environ=environ)

    problem = "requests to this server are sent without TLS; list the proxy"
    assert problem in found["web.trusted_proxies"]


def test_exempt_actions_are_named(tmp_path: Path) -> None:
    """Those with `cross_origin = True`."""
    found = warnings(tmp_path, Webhook, Ping)

    assert found == {
        "web.cross_origin": "pages of every site may call webhook with the session of their "
        "visitor; check that this is intended"
    }


def test_a_missing_folder_of_the_unix_socket_is_reported(tmp_path: Path) -> None:
    """The server would not start; the folder of a service may exist while it runs only."""
    path = tmp_path / "run" / "web.sock"
    environ = {"ACTIONHERO_WEB__UNIX_SOCKET": str(path)}
    missing = warnings(tmp_path, environ=environ, deploy=False)
    path.parent.mkdir()
    present = warnings(tmp_path, environ=environ, deploy=False)

    assert list(missing) == ["web.unix_socket"]
    assert f"the folder {str(path.parent)!r} does not exist" in missing["web.unix_socket"]
    assert present == {}
