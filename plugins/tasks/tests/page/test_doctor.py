"""The checks of `actionhero doctor` for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import App, BootError, RunMode
from actionhero.settings.sources import read_sources
from actionhero_console import plugin as console_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.doctor_checks import diagnose
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "Zk3-9fQ_pL7sWv2x"
WEAK = "is weak, and allows the discarding of jobs at /tasks; use 16 characters or more"


def diagnose_password(
    folder: Path, *plugins: Any, deploy: bool = True, **settings: str
) -> list[Any]:
    """Return the finding and the message of the check of the operator password."""
    environ = {
        "ACTIONHERO_APP__SECRET_KEY": "k" * 32,
        "ACTIONHERO_TASKS__STORE": "embedded",
        "ACTIONHERO_ENV": "production",
        **settings,
    }
    sources = read_sources(folder, environ=environ)
    app = App.from_plugins([tasks_plugin, *(plugins or (web_plugin,))], sources, RunMode.CLI)
    app.raise_for_problems()
    return [
        (str(item.finding), item.message)
        for item in diagnose(app, deploy=deploy)
        if item.check == "tasks.operator_password"
    ]


@pytest.mark.parametrize(
    ("password", "finding", "message"),
    [
        ("hunter2", "warning", WEAK),
        ("a" * 40, "warning", WEAK),
        (GOOD, "ok", "is required at /tasks"),
        (None, "ok", "is not set, so there is no page at /tasks"),
    ],
)
def test_a_weak_password_is_a_warning(
    tmp_path: Path, password: str | None, finding: str, message: str
) -> None:
    """The message does not contain it. Without a password there is no page."""
    settings: dict[str, Any] = (
        {} if password is None else {"ACTIONHERO_TASKS__OPERATOR_PASSWORD": password}
    )

    [(kind, text)] = diagnose_password(tmp_path, **settings)

    assert kind == finding
    assert text.startswith(message)
    assert password is None or password not in text


def test_in_development_the_page_is_local(tmp_path: Path) -> None:
    """Without a page there is no check."""
    diagnoses = diagnose_password(tmp_path, ACTIONHERO_ENV="development")

    assert diagnoses == [("ok", "is not set; /tasks is available to clients on this machine only")]
    assert diagnose_password(tmp_path, ACTIONHERO_TASKS__PAGE="") == []
    assert diagnose_password(tmp_path, deploy=False) == []


def test_with_a_console_the_page_leads_there(tmp_path: Path) -> None:
    """Its operators need no password of the page; without its path, the page is as before."""
    plugins = (web_plugin, redis_plugin, console_plugin)

    redis: dict[str, Any] = {"ACTIONHERO_REDIS__MODE": "embedded"}

    without_password = diagnose_password(tmp_path, *plugins, **redis)
    weak = diagnose_password(
        tmp_path, *plugins, ACTIONHERO_TASKS__OPERATOR_PASSWORD="hunter2", **redis
    )
    without_console = diagnose_password(tmp_path, *plugins, ACTIONHERO_CONSOLE__PATH="", **redis)

    assert without_password == [
        ("ok", "is not set; /tasks leads to the console, if it has operators")
    ]
    assert weak[0][0] == "warning"
    assert without_console == [("ok", "is not set, so there is no page at /tasks")]


def test_without_an_http_server_there_is_no_check(tmp_path: Path) -> None:
    """The package `actionhero-web` is optional."""

    class EmptyPlugin:
        """A plugin without hooks."""

    assert diagnose_password(tmp_path, EmptyPlugin()) == []


def test_an_empty_password_is_not_a_password(tmp_path: Path) -> None:
    """It is refused, in a variable and in a file."""
    with pytest.raises(BootError, match="OPERATOR_PASSWORD"):
        diagnose_password(tmp_path, ACTIONHERO_TASKS__OPERATOR_PASSWORD="")
    (tmp_path / "actionhero.toml").write_text('[tasks]\noperator_password = ""\n', "utf-8")

    with pytest.raises(BootError, match="operator_password"):
        diagnose_password(tmp_path)
