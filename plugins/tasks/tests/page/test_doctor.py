"""What the doctor says of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import App, BootError, RunMode
from actionhero.settings.sources import read_sources
from actionhero_tasks import plugin as tasks_plugin
from actionhero_tasks.doctor_checks import diagnose
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "Zk3-9fQ_pL7sWv2x"
WEAK = "can be guessed, and whoever has it may discard jobs at /tasks; take 16 letters or more"


def found(folder: Path, *plugins: Any, deploy: bool = True, **settings: str) -> list[Any]:
    """Return what is said of the password of operators: a finding and a message."""
    environ = {
        "ACTIONHERO_APP__SECRET_KEY": "k" * 32,
        "ACTIONHERO_TASKS__STORE": "embedded",
        "ACTIONHERO_ENV": "production",
        **settings,
    }
    sources = read_sources(folder, environ=environ)
    app = App.of([tasks_plugin, *(plugins or (web_plugin,))], sources, RunMode.CLI)
    app.refuse_problems()
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
        (GOOD, "ok", "is asked for at /tasks"),
        (None, "ok", "is not set, so there is no page at /tasks"),
    ],
)
def test_a_password_that_can_be_guessed_is_warned_of(
    tmp_path: Path, password: str | None, finding: str, message: str
) -> None:
    """It is not told itself. Without any there is no page, which is no fault."""
    [(kind, text)] = found(tmp_path, ACTIONHERO_TASKS__OPERATOR_PASSWORD=password or "")

    assert kind == finding
    assert text.startswith(message)
    assert password is None or password not in text


def test_in_development_it_is_told_who_sees_the_page(tmp_path: Path) -> None:
    """Where no page is, nothing is said of it."""
    told = found(tmp_path, ACTIONHERO_ENV="development")

    assert told == [("ok", "is not set; /tasks is shown to this machine alone")]
    assert found(tmp_path, ACTIONHERO_TASKS__PAGE="") == []
    assert found(tmp_path, deploy=False) == []


def test_without_an_http_server_there_is_no_page(tmp_path: Path) -> None:
    """And the package does without one."""

    class Nothing:
        """A plugin that adds nothing."""

    assert found(tmp_path, Nothing()) == []


def test_an_empty_password_is_none(tmp_path: Path) -> None:
    """A variable without a value is not set; a file that says so is refused."""
    [(_, message)] = found(tmp_path, ACTIONHERO_TASKS__OPERATOR_PASSWORD="")
    (tmp_path / "actionhero.toml").write_text('[tasks]\noperator_password = ""\n', "utf-8")

    assert message == "is not set, so there is no page at /tasks"
    with pytest.raises(BootError, match="operator_password"):
        found(tmp_path)
