"""Registering plugins, asking them, and naming the one that is to blame."""

from __future__ import annotations

import types
from typing import Any

import pluggy
import pytest

from actionhero import Action, Call, PluginError, hookimpl
from actionhero.plugins.discovery import Plugin, PluginState
from actionhero.plugins.host import PluginHost

hookspec = pluggy.HookspecMarker("actionhero")


class Greet(Action):
    name = "greet"

    async def run(self, call: Call) -> None: ...


def plugin(name: str, *functions: Any, **named: Any) -> Plugin:
    """Return a plugin with the functions given as its hooks."""
    module = types.ModuleType(name)
    for function in functions:
        setattr(module, function.__name__, function)
    for hook, function in named.items():
        setattr(module, hook, function)
    return Plugin(name, name, f"guest-{name}", "1.0", implementation=module)


def giving(hook: str, value: Any, **options: Any) -> Any:
    """Return the implementation of a hook that returns a value."""

    def give() -> Any:
        return value

    give.__name__ = hook
    return hookimpl(**options)(give) if options else hookimpl(give)


def host_of(*plugins: Plugin) -> PluginHost:
    """Return a host with the plugins registered."""
    host = PluginHost()
    host.register(plugins)
    return host


def test_plugins_are_asked_in_the_order_of_registration() -> None:
    """Not in that of pluggy, which asks the last one first."""
    host = host_of(*(plugin(name, giving("actionhero_validate", [name])) for name in "abc"))

    assert [item for _, item in host.collect("actionhero_validate", str, app=None)] == [
        "a",
        "b",
        "c",
    ]


def test_who_asked_to_go_first_or_last_does() -> None:
    """The others stay in order between them."""
    host = host_of(
        plugin("a", giving("actionhero_validate", ["a"], trylast=True)),
        plugin("b", giving("actionhero_validate", ["b"])),
        plugin("c", giving("actionhero_validate", ["c"])),
        plugin("d", giving("actionhero_validate", ["d"], tryfirst=True)),
    )

    found = [owner.name for owner, _ in host.collect("actionhero_validate", str, app=None)]

    assert found == ["d", "b", "c", "a"]


def test_of_what_only_one_can_give_the_last_plugin_is_asked_first() -> None:
    """And nobody after the first answer."""
    host = host_of(
        plugin("a", giving("actionhero_session_store", 1)),
        plugin("b", giving("actionhero_session_store", 2)),
        plugin("c", giving("actionhero_session_store", None)),
    )

    assert host.first("actionhero_session_store", int, app=None) == 2
    assert host.problems == []


def test_pluggys_own_mark_does_as_well() -> None:
    """For who writes plugins for other programs too."""

    @pluggy.HookimplMarker("actionhero")
    def actionhero_actions() -> list[type[Action]]:
        return [Greet]

    host = host_of(plugin("a", actionhero_actions))

    assert host.problems == []
    assert [item for _, item in host.collect("actionhero_actions", app=None)] == [Greet]


def test_a_function_of_another_name_may_implement_a_hook() -> None:
    """As pluggy offers it: `specname`."""
    marked = pluggy.HookimplMarker("actionhero")(specname="actionhero_actions")(lambda: [Greet])

    host = host_of(plugin("a", ours=marked))

    assert host.problems == []
    assert [owner.name for owner in host.implementers("actionhero_actions")] == ["a"]


def test_a_hook_that_nobody_specifies_may_be_optional() -> None:
    """The plugin that would ask for it need not be installed."""
    host = host_of(plugin("a", giving("actionhero_weather_rain", [], optionalhook=True)))

    assert host.problems == []
    assert host.plugins[0].state is PluginState.ACTIVE


def test_plugins_can_have_plugins() -> None:
    """Whichever of the two is registered first."""

    @hookspec
    def actionhero_weather_rain(app: Any) -> None: ...

    specifications = types.SimpleNamespace(actionhero_weather_rain=actionhero_weather_rain)

    def takes(app: Any) -> list[Any]:
        return [app]

    takes.__name__ = "actionhero_weather_rain"
    host = host_of(
        plugin("a", hookimpl(takes)),
        plugin("weather", giving("actionhero_hookspecs", [specifications])),
    )

    assert host.problems == []
    assert "actionhero_weather_rain" in host.hooks
    assert [item for _, item in host.collect("actionhero_weather_rain", app="the app")] == [
        "the app"
    ]


def test_a_hook_that_is_specified_twice_is_told() -> None:
    """The second plugin is out of use."""

    @hookspec
    def actionhero_actions() -> None: ...

    again = types.SimpleNamespace(actionhero_actions=actionhero_actions)
    host = host_of(plugin("a", giving("actionhero_hookspecs", [again])))

    [problem] = host.problems
    assert problem.startswith("plugin 'a' (guest-a 1.0) failed in 'actionhero_hookspecs': ")
    assert "actionhero_actions" in problem
    assert host.plugins[0].state is PluginState.FAILED


def test_hooks_of_hooks_that_are_async_are_told_once() -> None:
    """And not called."""

    @hookimpl
    async def actionhero_hookspecs() -> list[object]:
        return []

    [problem] = host_of(plugin("a", actionhero_hookspecs)).problems

    assert "as 'async def'" in problem


def test_every_fault_of_a_plugin_is_told() -> None:
    """Whoever mends it need not start again and again."""

    def actionhero_settings() -> None: ...

    host = host_of(plugin("a", actionhero_settings, giving("actionhero_actoins", [])))

    assert len(host.problems) == 2
    with pytest.raises(PluginError) as raised:
        host.refuse_problems()
    assert str(raised.value) == "\n".join(host.problems)


def test_what_is_named_like_a_hook_and_is_none_is_left_alone() -> None:
    """A class, a constant."""
    named: dict[str, Any] = {"actionhero_version": "0.1", "actionhero_Kind": type("Kind", (), {})}

    assert host_of(plugin("a", **named)).problems == []


def test_two_entry_points_of_one_module_are_told() -> None:
    """Its hooks would be asked twice."""
    one = plugin("a", giving("actionhero_actions", [Greet]))
    two = Plugin("b", "a", "guest-a", "1.0", implementation=one.implementation)

    [problem] = host_of(one, two).problems

    assert problem == (
        "plugin 'b' (guest-a 1.0) has its hooks in 'a', and so has another plugin; remove one of "
        "the two entry points, or put its name into plugins.disabled"
    )


def test_a_failing_hook_takes_its_plugin_out_of_use() -> None:
    """The others are asked all the same; also if it wants to end the process."""

    @hookimpl
    def actionhero_actions() -> None:
        raise SystemExit("enough")

    bad, good = plugin("a", actionhero_actions), plugin("b", giving("actionhero_actions", [Greet]))
    host = host_of(bad, good)

    found = host.collect("actionhero_actions", Action, classes=True, app=None)

    assert found == [(good, Greet)]
    [problem] = host.problems
    assert problem.startswith(
        "plugin 'a' (guest-a 1.0) failed in 'actionhero_actions': SystemExit: enough"
    )
    assert bad.state is PluginState.FAILED


def test_a_user_who_interrupts_a_hook_is_obeyed() -> None:
    """It is no fault of the plugin."""

    @hookimpl
    def actionhero_actions() -> None:
        raise KeyboardInterrupt

    host = host_of(plugin("a", actionhero_actions))

    with pytest.raises(KeyboardInterrupt):
        host.collect("actionhero_actions", app=None)


def test_who_gave_a_thing_is_remembered() -> None:
    """For messages about it."""
    thing = object()
    host = host_of(plugin("a", giving("actionhero_initializers", [thing])))
    host.collect("actionhero_initializers", app=None)

    assert host.place_of(thing) == "builtins.object, plugin 'a' (guest-a 1.0)"
    assert host.place_of(object()) == "builtins.object"


def test_hook_calls_can_be_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `ACTIONHERO_TRACE_HOOKS`: who was asked, and what came of it."""
    with monkeypatch.context() as patch:
        patch.setenv("ACTIONHERO_TRACE_HOOKS", "1")
        host = host_of(plugin("a", giving("actionhero_validate", ["rain"])))
    host.collect("actionhero_validate", str, app=None)

    told = capsys.readouterr()

    assert told.out == ""
    assert told.err == "hook actionhero_validate of plugin 'a' (guest-a 1.0) → ['rain']\n"
