"""Panels: their declaration, and the errors in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import App, Inputs, InvalidInput, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_console import Change, Panel, PanelContext, Read, Role
from actionhero_console import plugin as console_plugin
from actionhero_console.panel_registry import load_panels
from actionhero_redis import plugin as redis_plugin
from actionhero_web import PanelFunction
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from pathlib import Path


class ListInputs(Inputs):
    queue: str
    limit: int = 100


def list_jobs(inputs: ListInputs) -> Any:
    return [inputs.queue, inputs.limit]


def list_pages(page: int = "first") -> Any:  # type: ignore[assignment]
    return page


async def retry(id: str, context: PanelContext) -> Any:
    return [id, context]


def load(folder: Path, *panels: Panel) -> list[str]:
    """Return the problems of an application with panels."""

    class Provider:
        @hookimpl(optionalhook=True)
        def actionhero_console_panels(self, app: Any) -> list[Panel]:
            return list(panels)

    sources = read_sources(folder, environ={})
    app = App.from_plugins([redis_plugin, web_plugin, console_plugin, Provider()], sources)
    return app.problems


async def test_inputs_are_parameters_or_a_model() -> None:
    """As those of actions; `context` is not an input."""
    one, other = PanelFunction(list_jobs), PanelFunction(retry)

    assert await one(one.schema.from_parsed({"queue": "mail"}), None) == ["mail", 100]
    assert await other(other.schema.from_parsed({"id": "x"}), "context") == ["x", "context"]
    with pytest.raises(InvalidInput) as error:
        other.schema.from_parsed({"id": 5})
    assert [problem.pointer for problem in error.value.problems] == ["/id"]


def test_panels_are_sorted_by_their_order(tmp_path: Path) -> None:
    """A read has the role viewer, a change the role operator."""

    class Provider:
        @hookimpl(optionalhook=True)
        def actionhero_console_panels(self) -> list[Panel]:
            late = Panel("late", "Late", 70, reads={"list": list_jobs})
            change = Change(retry, confirm="Retry {n} jobs?")
            return [late, Panel("early", "Early", 60, changes={"retry": change})]

    app = App.from_plugins(
        [redis_plugin, web_plugin, console_plugin, Provider()], read_sources(tmp_path, environ={})
    )
    panels, problems = load_panels(app)

    assert (problems, app.problems) == ([], [])
    assert [name for name in panels if name in ("late", "early")] == ["early", "late"]
    assert panels["late"].reads["list"].role is Role.VIEWER
    assert panels["early"].changes["retry"].role is Role.OPERATOR


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        (Panel("Jobs", "Jobs"), "panel 'Jobs' of plugin 'Provider' has an invalid name; use lower"),
        (
            Panel("jobs", "Jobs", role="boss"),
            "panel 'jobs' of plugin 'Provider': role '': 'boss' is not a valid Role; the roles are "
            "viewer, operator, admin",
        ),
        (
            Panel("jobs", "Jobs", reads={"list": Read(list_jobs, role="boss")}),
            "read 'list': 'boss' is not a valid Role",
        ),
        (
            Panel("jobs", "Jobs", changes={"retry": Change(lambda id: id)}),
            "the function of change 'retry' has the parameter 'id' without annotation; declare",
        ),
        (
            Panel("jobs", "Jobs", reads={"list": Read(list_pages)}),
            "the function of read 'list' has the input 'page' with the default 'first', which does",
        ),
        (
            Panel("jobs", "Jobs", answers={"count": lambda *ids: ids}),
            "the function of answer 'count' has '*ids', which names no input",
        ),
    ],
    ids=["name", "role", "role of read", "annotation", "default", "variadic"],
)
def test_invalid_panels_are_errors_at_start(tmp_path: Path, panel: Panel, message: str) -> None:
    """The message names panel, plugin and remedy."""
    [problem] = load(tmp_path, panel)

    assert message in problem


def test_two_panels_with_one_name_are_an_error(tmp_path: Path) -> None:
    """Both owners are named."""
    [problem] = load(tmp_path, Panel("jobs", "Jobs"), Panel("jobs", "More jobs"))

    assert "has a panel with the name 'jobs', which is that of plugin 'Provider'" in problem


def test_assets_without_a_script_are_an_error(tmp_path: Path) -> None:
    """The message names the folder."""
    [problem] = load(tmp_path, Panel("jobs", "Jobs", assets=tmp_path))

    assert f"has no file 'panel.js' in {str(tmp_path)!r}" in problem
