"""`PluginHost`: registration and validation of plugins, and calls of hooks."""

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
    """Return a plugin with `functions` as its hook implementations."""
    module = types.ModuleType(name)
    for function in functions:
        setattr(module, function.__name__, function)
    for hook, function in named.items():
        setattr(module, hook, function)
    return Plugin(name, name, f"guest-{name}", "1.0", implementation=module)


def returning(hook: str, value: Any, **options: Any) -> Any:
    """Return an implementation of a hook that returns `value`."""

    def implementation() -> Any:
        return value

    implementation.__name__ = hook
    return hookimpl(**options)(implementation)


def host_of(*plugins: Plugin) -> PluginHost:
    """Return a host with registered plugins."""
    host = PluginHost()
    host.register(plugins)
    return host


def test_hooks_are_called_in_the_order_of_registration() -> None:
    """pluggy calls the last one first."""
    host = host_of(*(plugin(name, returning("actionhero_validate", [name])) for name in "abc"))

    assert [item for _, item in host.collect("actionhero_validate", str, app=None)] == [
        "a",
        "b",
        "c",
    ]


def test_tryfirst_and_trylast_change_the_order() -> None:
    """The others keep their order."""
    host = host_of(
        plugin("a", returning("actionhero_validate", ["a"], trylast=True)),
        plugin("b", returning("actionhero_validate", ["b"])),
        plugin("c", returning("actionhero_validate", ["c"])),
        plugin("d", returning("actionhero_validate", ["d"], tryfirst=True)),
    )

    names = [owner.name for owner, _ in host.collect("actionhero_validate", str, app=None)]

    assert names == ["d", "b", "c", "a"]


def test_first_calls_the_last_plugin_first() -> None:
    """The others are not called after the first result."""
    host = host_of(
        plugin("a", returning("actionhero_session_store", 1)),
        plugin("b", returning("actionhero_session_store", 2)),
        plugin("c", returning("actionhero_session_store", None)),
    )

    assert host.first("actionhero_session_store", int, app=None) == 2
    assert host.problems == []


def test_the_marker_of_pluggy_is_supported() -> None:
    """`hookimpl` is the same marker."""

    @pluggy.HookimplMarker("actionhero")
    def actionhero_actions() -> list[type[Action]]:
        return [Greet]

    host = host_of(plugin("a", actionhero_actions))

    assert host.problems == []
    assert [item for _, item in host.collect("actionhero_actions", app=None)] == [Greet]


def test_specname_is_supported() -> None:
    """The name of the function can differ from that of the hook."""
    marked = pluggy.HookimplMarker("actionhero")(specname="actionhero_actions")(lambda: [Greet])

    host = host_of(plugin("a", other_name=marked))

    assert host.problems == []
    assert [owner.name for owner in host.implementers("actionhero_actions")] == ["a"]


def test_optional_hooks_need_no_specification() -> None:
    """The plugin that specifies them need not be installed."""
    host = host_of(plugin("a", returning("actionhero_weather_rain", [], optionalhook=True)))

    assert host.problems == []
    assert host.plugins[0].state is PluginState.ACTIVE


def test_plugins_can_specify_hooks() -> None:
    """The order of registration makes no difference."""

    @hookspec
    def actionhero_weather_rain(app: Any) -> None: ...

    specifications = types.SimpleNamespace(actionhero_weather_rain=actionhero_weather_rain)

    def implementation(app: Any) -> list[Any]:
        return [app]

    implementation.__name__ = "actionhero_weather_rain"
    host = host_of(
        plugin("a", hookimpl(implementation)),
        plugin("weather", returning("actionhero_hookspecs", [specifications])),
    )

    assert host.problems == []
    assert "actionhero_weather_rain" in host.hooks
    assert [item for _, item in host.collect("actionhero_weather_rain", app="the app")] == [
        "the app"
    ]


def test_duplicate_hook_specifications_are_an_error() -> None:
    """The second plugin has failed."""

    @hookspec
    def actionhero_actions() -> None: ...

    duplicate = types.SimpleNamespace(actionhero_actions=actionhero_actions)
    host = host_of(plugin("a", returning("actionhero_hookspecs", [duplicate])))

    [problem] = host.problems
    assert problem.startswith("plugin 'a' (guest-a 1.0) failed in 'actionhero_hookspecs': ")
    assert "actionhero_actions" in problem
    assert host.plugins[0].state is PluginState.FAILED


@pytest.mark.parametrize("fault", ["raises", "duplicate", "not specifications", "import"])
def test_failing_hookspecs_are_one_error(fault: str) -> None:
    """The plugins that implement its hooks are not at fault, and not reported."""

    @hookspec
    def actionhero_actions() -> None: ...

    @hookimpl
    def actionhero_hookspecs() -> list[Any]:
        if fault == "raises":
            raise RuntimeError("no weather")
        return [object() if fault == "not specifications" else duplicate]

    duplicate = types.SimpleNamespace(actionhero_actions=actionhero_actions)
    weather = plugin("weather", actionhero_hookspecs)
    problems = [weather.fail("cannot be imported")] if fault == "import" else []
    others = [plugin(name, returning("actionhero_weather_rain", [])) for name in ("a", "b")]

    host = host_of(others[0], weather, others[1])

    assert len([*problems, *host.problems]) == 1
    assert [each.state for each in others] == [PluginState.ACTIVE, PluginState.ACTIVE]
    assert "plugin 'weather'" in [*problems, *host.problems][0]


def test_asynchronous_hookspecs_are_one_error() -> None:
    """The function is not called."""

    @hookimpl
    async def actionhero_hookspecs() -> list[object]:
        return []

    [problem] = host_of(plugin("a", actionhero_hookspecs)).problems

    assert "as 'async def'" in problem


def test_all_errors_of_a_plugin_are_reported() -> None:
    """At once."""

    def actionhero_settings() -> None: ...

    host = host_of(plugin("a", actionhero_settings, returning("actionhero_actoins", [])))

    assert len(host.problems) == 2
    with pytest.raises(PluginError) as raised:
        host.raise_for_problems()
    assert str(raised.value) == "\n".join(host.problems)


def test_other_attributes_with_hook_names_are_ignored() -> None:
    """Classes and constants."""
    named: dict[str, Any] = {"actionhero_version": "0.1", "actionhero_Kind": type("Kind", (), {})}

    assert host_of(plugin("a", **named)).problems == []


def test_two_entry_points_of_one_module_are_an_error() -> None:
    """Its hooks would be called twice."""
    one = plugin("a", returning("actionhero_actions", [Greet]))
    two = Plugin("b", "a", "guest-a", "1.0", implementation=one.implementation)

    [problem] = host_of(one, two).problems

    assert problem == (
        "plugin 'b' (guest-a 1.0) has the same module 'a' as another plugin; remove one of the "
        "two entry points, or add its name to plugins.disabled"
    )


def test_a_plugin_with_a_failing_hook_has_failed() -> None:
    """The others are called nevertheless, also after a `SystemExit`."""

    @hookimpl
    def actionhero_actions() -> None:
        raise SystemExit("stop")

    bad, good = (
        plugin("a", actionhero_actions),
        plugin("b", returning("actionhero_actions", [Greet])),
    )
    host = host_of(bad, good)

    collected = host.collect("actionhero_actions", Action, classes=True, app=None)

    assert collected == [(good, Greet)]
    [problem] = host.problems
    assert problem.startswith(
        "plugin 'a' (guest-a 1.0) failed in 'actionhero_actions': SystemExit: stop"
    )
    assert bad.state is PluginState.FAILED


def test_a_result_that_would_be_ignored_is_an_error() -> None:
    """Commands are added to the argument of the hook; a returned list would have no effect."""
    host = host_of(plugin("a", returning("actionhero_commands", ["greet"])))

    host.call("actionhero_commands", group=None)

    [problem] = host.problems
    assert "returned ['greet'] from 'actionhero_commands'" in problem
    assert problem.endswith(
        ", but the result of this hook is not used; add to its argument 'group' instead, and "
        "return nothing"
    )


def test_keyboard_interrupts_during_a_hook_propagate() -> None:
    """They are no error of the plugin."""

    @hookimpl
    def actionhero_actions() -> None:
        raise KeyboardInterrupt

    host = host_of(plugin("a", actionhero_actions))

    with pytest.raises(KeyboardInterrupt):
        host.collect("actionhero_actions", app=None)


def test_contributions_are_described_with_their_plugin() -> None:
    """For messages."""
    item = object()
    host = host_of(plugin("a", returning("actionhero_initializers", [item])))
    host.collect("actionhero_initializers", app=None)

    assert host.describe(item) == "builtins.object, plugin 'a' (guest-a 1.0)"
    assert host.describe(object()) == "builtins.object"


def test_hook_calls_can_be_traced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ACTIONHERO_TRACE_HOOKS` prints calls and results."""
    with monkeypatch.context() as patch:
        patch.setenv("ACTIONHERO_TRACE_HOOKS", "1")
        host = host_of(plugin("a", returning("actionhero_validate", ["rain"])))
    host.collect("actionhero_validate", str, app=None)

    output = capsys.readouterr()

    assert output.out == ""
    assert output.err == "hook actionhero_validate of plugin 'a' (guest-a 1.0) → ['rain']\n"
