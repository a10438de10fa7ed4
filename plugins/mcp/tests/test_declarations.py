"""The checks of declarations at start-up."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from actionhero import Action, Field, File, Inputs, PluginError, Secret
from actionhero.testing import running_app
from actionhero_mcp import Prompt, Resource, Tool
from actionhero_mcp import plugin as mcp_plugin
from actionhero_web import plugin as web_plugin


class Fields(Inputs):
    """Inputs of several types."""

    name: str = ""
    items: list[str] = []


class Sensitive(Inputs):
    """Inputs with a secret."""

    password: Secret[str]


class Tagged(Inputs):
    """Inputs with a description that people see in part."""

    name: str = Field(default="", description="A name.\U000e0041")


class Upload(Inputs):
    """Inputs with a file."""

    file: File


def action(mcp: Any, inputs: type[Inputs] = Fields, **attributes: Any) -> type[Action]:
    """Return an action with an attribute `mcp`."""

    async def run(self: Any, inputs: Any) -> Any:
        """Return nothing."""

    run.__annotations__["inputs"] = inputs
    run.__annotations__["return"] = attributes.pop("returns", Any)
    values = {"name": "test:action", "__doc__": "A test.", "mcp": mcp, "run": run, **attributes}
    return type("Declared", (Action,), values)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (action("yes"), "it is 'yes'; write True, Tool"),
        (action({"tol": {}}), "unknown key 'tol'"),
        (action({"tool": {"titel": "x"}}), "titel"),
        (action({"tool": {"name": "a b"}}), "the name 'a b' is invalid"),
        (action({"tool": {"scopes": "a"}}), "scopes is 'a'; write a list"),
        (action({"tool": {"text": "xml"}}), "text is 'xml'"),
        (action({"resource": "no uri"}), "the URI 'no uri' is invalid"),
        (action(True, name="a:" + "b" * 64), "more than 64 characters"),
        (action(True, __doc__=None), "has no description"),
        (action(Tool(description="a\u202eb")), "invisible character U\\+202E in its description"),
        (action(Tool(title="a\U000e0041")), "invisible character U\\+E0041 in its title"),
        (action(Tool(title="a\U000e0141b")), "invisible character U\\+E0141 in its title"),
        (action(Tool(description="a\u2028b")), "invisible character U\\+2028 in its description"),
        (
            action(True, Tagged),
            "invisible character U\\+E0041 in the schema of its inputs, at 'descr",
        ),
        (action(Prompt(), Tagged), "invisible character U\\+E0041 in the schema of its inputs"),
        (action(Tool(task=True)), "the action has no attribute 'task'"),
        (action(True, Sensitive), "has the secret input 'password'"),
        (action(True, Upload), "takes a file"),
        (action(True, returns=web.StreamResponse), "returns a response of the HTTP server"),
        (action(Tool(header={"items": "Items"})), "has a header for 'items'"),
        (action(Resource("a://{other}")), "has the name 'other', which is no input"),
        (action(Resource("a://static"), Sensitive), "no place for the required input 'password'"),
        (action(Resource("a://{name}", updates="c:{other}")), "updates 'c:{other}'"),
        (action(Prompt(completions={"name": "none"})), "by the action 'none', which does not"),
        (action(Prompt(completions={"other": "test:action"})), "completes 'other'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_faults_are_errors_at_start(declared: type[Action], message: str) -> None:
    """Each names the action and its file."""
    with pytest.raises(PluginError, match=message) as error:
        async with running_app(web_plugin, mcp_plugin, declared):
            pass

    if "64" not in message:
        assert "action 'test:action' (" in str(error.value)


async def test_two_tools_with_one_name() -> None:
    other = action(Tool(name="test-action"), name="other")
    with pytest.raises(PluginError, match="two tools are called 'test-action': of action") as error:
        async with running_app(web_plugin, mcp_plugin, action(True), other):
            pass

    assert "'test:action'" in str(error.value)


async def test_an_invalid_route_is_reported_by_the_web_server() -> None:
    """This plugin reads the routes too, also those of actions without `mcp`."""
    with pytest.raises(PluginError, match="has an invalid web") as error:
        async with running_app(web_plugin, mcp_plugin, action(None, web="GTE /greet")):
            pass

    assert str(error.value).endswith("(reported by plugin 'actionhero_web')")


@pytest.mark.parametrize(
    "mcp",
    [
        True,
        [Tool(), Resource("a://{name}"), Prompt()],
        {"tool": True, "resource": {"uri": "a://b"}, "prompt": {}},
        False,
        None,
    ],
    ids=["true", "list", "mapping", "false", "none"],
)
async def test_forms(mcp: Any) -> None:
    async with running_app(web_plugin, mcp_plugin, action(mcp)):
        pass
