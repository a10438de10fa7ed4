"""The selection and the validation of the store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import pytest

from actionhero import App, Application, Field, PluginError, RunMode, Settings, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_redis import plugin
from actionhero_redis.store import StoreKind, select_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class WebSettings(Settings):
    section: ClassVar[str] = "web"
    workers: int = Field(default=1, description="The number of worker processes.")


class Web:
    @hookimpl
    def actionhero_settings(self) -> list[type[Settings]]:
        return [WebSettings]


def load(folder: Path, *, mode: RunMode = RunMode.SERVER, **environ: str) -> App:
    return App.from_plugins([Web(), plugin], read_sources(folder, environ=environ), mode)


def refusal(app: Application) -> str:
    with pytest.raises(PluginError) as raised:
        app.raise_for_problems()
    assert raised.value.exit_code == 78
    return str(raised.value)


@pytest.fixture
def no_server_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_url_takes_precedence(tmp_path: Path) -> None:
    """`REDIS_URL` is sufficient to use a server."""
    store = select_store(load(tmp_path, REDIS_URL="redis://redis.example"))

    assert store.kind is StoreKind.SERVER
    assert str(store) == "redis://redis.example"


def test_without_a_url_an_installed_program_is_used(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """A private server from PATH, with its data in the data folder."""
    path = program("redis-server")

    store = select_store(load(tmp_path))

    assert store.kind is StoreKind.EMBEDDED
    assert store.folder == tmp_path / ".actionhero" / "redis"
    assert str(store).startswith(f"a private server ({path}) with its data in ")


def test_a_valkey_server_is_used_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no `redis-server`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    valkey = tmp_path / "valkey-server"
    valkey.write_text("#!/bin/sh\n", encoding="utf-8")
    valkey.chmod(0o700)

    assert select_store(load(tmp_path)).program == str(valkey)


@pytest.mark.usefixtures("no_server_program")
def test_without_a_program_memory_is_used(tmp_path: Path) -> None:
    """The application starts with nothing but Python."""
    store = select_store(load(tmp_path))

    assert store.kind is StoreKind.MEMORY
    assert not store.shared


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("server", "redis.mode is 'server' and redis.url is not set; set REDIS_URL, such as"),
        (
            "embedded",
            "redis.mode is 'embedded', and neither redis-server nor valkey-server is on PATH; "
            "install one of them, set ACTIONHERO_REDIS__PROGRAM to its path, or",
        ),
    ],
)
@pytest.mark.usefixtures("no_server_program")
def test_an_unavailable_mode_is_refused(tmp_path: Path, mode: str, message: str) -> None:
    """Without a fallback to another store."""
    assert message in refusal(load(tmp_path, ACTIONHERO_REDIS__MODE=mode))


def test_a_missing_program_is_refused(tmp_path: Path) -> None:
    """The message names the setting."""
    app = load(
        tmp_path,
        ACTIONHERO_REDIS__MODE="embedded",
        ACTIONHERO_REDIS__PROGRAM=str(tmp_path / "nonesuch"),
    )

    assert re.search(
        r"redis\.program '.*nonesuch' is not an executable program; set ACTIONHERO_REDIS__PROGRAM",
        refusal(app),
    )


def test_in_production_a_private_server_is_not_a_default(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """A missing `REDIS_URL` is reported at the start, before sessions are lost."""
    program("redis-server")

    app = load(tmp_path, ACTIONHERO_ENV="production")

    assert (
        "redis.url is not set, and a private server must be selected explicitly in production; "
        "set REDIS_URL, such as redis://localhost:6379/0, or ACTIONHERO_REDIS__MODE=embedded"
    ) in refusal(app)


@pytest.mark.usefixtures("no_server_program")
def test_in_production_memory_is_not_a_default(tmp_path: Path) -> None:
    """Also if no program is installed."""
    message = refusal(load(tmp_path, ACTIONHERO_ENV="production"))

    assert "the memory of one process must be selected explicitly in production" in message
    assert "ACTIONHERO_REDIS__MODE=memory" in message


@pytest.mark.parametrize("mode", ["embedded", "memory"])
def test_an_explicit_mode_is_accepted_in_production(
    tmp_path: Path, program: Callable[[str], str], mode: str
) -> None:
    """One machine, or one process, can be sufficient."""
    program("redis-server")

    app = load(tmp_path, ACTIONHERO_ENV="production", ACTIONHERO_REDIS__MODE=mode)

    app.raise_for_problems()


def test_several_web_workers_refuse_memory(tmp_path: Path) -> None:
    """They could not share sessions and messages."""
    app = load(tmp_path, ACTIONHERO_REDIS__MODE="memory", ACTIONHERO_WEB__WORKERS="4")

    assert (
        "web.workers is 4, and without Redis the workers cannot share sessions and messages; set "
        "REDIS_URL, such as redis://localhost:6379/0, install redis-server or valkey-server, or "
        "set ACTIONHERO_WEB__WORKERS=1"
    ) in refusal(app)


def test_commands_ignore_the_number_of_web_workers(tmp_path: Path) -> None:
    """A command is not a worker."""
    app = load(
        tmp_path,
        mode=RunMode.CLI,
        ACTIONHERO_REDIS__MODE="memory",
        ACTIONHERO_WEB__WORKERS="4",
    )

    app.raise_for_problems()


def test_an_invalid_setting_is_reported_once(tmp_path: Path) -> None:
    """It causes no further problem."""
    app = load(tmp_path, REDIS_URL="http://one", ACTIONHERO_REDIS__MODE="server")

    assert len(app.problems) == 1
