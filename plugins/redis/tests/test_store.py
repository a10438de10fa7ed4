"""Which Redis is used, and when none will do."""

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
    workers: int = Field(default=1, description="How many processes serve.")


class Web:
    @hookimpl
    def actionhero_settings(self) -> list[type[Settings]]:
        return [WebSettings]


def load(folder: Path, *, mode: RunMode = RunMode.SERVER, **environ: str) -> App:
    return App.of([Web(), plugin], read_sources(folder, environ=environ), mode)


def refusal(app: Application) -> str:
    with pytest.raises(PluginError) as raised:
        app.refuse_problems()
    assert raised.value.exit_code == 78
    return str(raised.value)


@pytest.fixture
def no_server_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_url_is_taken_before_all_else(tmp_path: Path) -> None:
    """`REDIS_URL` is all that it takes to move to a real server."""
    store = select_store(load(tmp_path, REDIS_URL="redis://redis.example"))

    assert store.kind is StoreKind.SERVER
    assert str(store) == "redis://redis.example"


def test_without_a_url_a_private_server_is_taken_if_there_is_one(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """A `redis-server` on PATH is used, with its data in the data folder."""
    found = program("redis-server")

    store = select_store(load(tmp_path))

    assert store.kind is StoreKind.EMBEDDED
    assert store.folder == tmp_path / ".actionhero" / "redis"
    assert str(store).startswith(f"a private server ({found}), which keeps its data in ")


def test_a_valkey_server_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other program of the same kind is found too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    other = tmp_path / "valkey-server"
    other.write_text("#!/bin/sh\n", encoding="utf-8")
    other.chmod(0o700)

    assert select_store(load(tmp_path)).program == str(other)


@pytest.mark.usefixtures("no_server_program")
def test_with_nothing_but_python_memory_is_taken(tmp_path: Path) -> None:
    """It starts all the same."""
    store = select_store(load(tmp_path))

    assert store.kind is StoreKind.MEMORY
    assert not store.shared


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        ("server", "redis.mode is 'server' and redis.url is not set; set REDIS_URL, such as"),
        (
            "embedded",
            "redis.mode is 'embedded', and there is neither redis-server nor valkey-server on "
            "PATH; install one of them, set ACTIONHERO_REDIS__PROGRAM to its path, or",
        ),
    ],
)
@pytest.mark.usefixtures("no_server_program")
def test_what_was_asked_for_and_is_not_there_is_refused(
    tmp_path: Path, mode: str, complaint: str
) -> None:
    """Nothing else is taken in its place."""
    assert complaint in refusal(load(tmp_path, ACTIONHERO_REDIS__MODE=mode))


def test_a_program_that_is_none_is_refused(tmp_path: Path) -> None:
    """The message names the setting."""
    app = load(
        tmp_path,
        ACTIONHERO_REDIS__MODE="embedded",
        ACTIONHERO_REDIS__PROGRAM=str(tmp_path / "nonesuch"),
    )

    assert re.search(
        r"redis\.program '.*nonesuch' is not a program; set ACTIONHERO_REDIS__PROGRAM", refusal(app)
    )


def test_in_production_no_private_server_is_made_up(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """Whoever forgot `REDIS_URL` learns it at the start, and not from lost sessions."""
    program("redis-server")

    app = load(tmp_path, ACTIONHERO_ENV="production")

    assert (
        "redis.url is not set, and in production a private server is not taken unless it was "
        "chosen by hand; set REDIS_URL, such as redis://localhost:6379/0, or "
        "ACTIONHERO_REDIS__MODE=embedded"
    ) in refusal(app)


@pytest.mark.usefixtures("no_server_program")
def test_in_production_no_memory_is_made_up(tmp_path: Path) -> None:
    """The same, where there is no program to start."""
    refused = refusal(load(tmp_path, ACTIONHERO_ENV="production"))

    assert "in production memory of one process is not taken" in refused
    assert "ACTIONHERO_REDIS__MODE=memory" in refused


@pytest.mark.parametrize("mode", ["embedded", "memory"])
def test_what_was_chosen_by_hand_is_taken_in_production_too(
    tmp_path: Path, program: Callable[[str], str], mode: str
) -> None:
    """One machine with one process may be all that somebody needs."""
    program("redis-server")

    app = load(tmp_path, ACTIONHERO_ENV="production", ACTIONHERO_REDIS__MODE=mode)

    app.refuse_problems()


def test_memory_is_not_taken_for_several_web_workers(tmp_path: Path) -> None:
    """Sessions and messages of one worker would be unknown to the others."""
    app = load(tmp_path, ACTIONHERO_REDIS__MODE="memory", ACTIONHERO_WEB__WORKERS="4")

    assert (
        "web.workers is 4, and without a Redis each of them would keep sessions and messages to "
        "itself; set REDIS_URL, such as redis://localhost:6379/0, install redis-server or "
        "valkey-server, or set ACTIONHERO_WEB__WORKERS=1"
    ) in refusal(app)


def test_a_call_on_the_command_line_does_not_care_for_web_workers(tmp_path: Path) -> None:
    """It is no worker."""
    app = load(
        tmp_path,
        mode=RunMode.CLI,
        ACTIONHERO_REDIS__MODE="memory",
        ACTIONHERO_WEB__WORKERS="4",
    )

    app.refuse_problems()


def test_settings_that_are_wrong_are_told_once(tmp_path: Path) -> None:
    """No second complaint follows from the first."""
    app = load(tmp_path, REDIS_URL="http://one", ACTIONHERO_REDIS__MODE="server")

    assert len(app.problems) == 1
