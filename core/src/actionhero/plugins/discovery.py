"""Finding plugins: what is installed, what is switched on, and whether it imports.

Standard library alone, and nothing else of ours but errors: every `actionhero --help` does this.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionhero.plugins import VERSION
from actionhero.plugins.entry_points import entry_points
from actionhero.plugins.hookspecs import IMPLEMENTATION_ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero.plugins.entry_points import EntryPoint
    from actionhero.settings.sources import BootSettings

#: The entry-point group by which plugins are found.
GROUP = "actionhero"
#: What the application is called among plugins, and our own plugin.
APPLICATION = "application"
CORE = "core"

# No plugin of ours, such as `actionhero-web`.
_ON_CORE = re.compile(r"actionhero(?![\w.-])", re.IGNORECASE)
#: What most plugins say of the core that they want: bounds of plain versions.
_BOUNDS = re.compile(r"actionhero *(?:(?:>=|<) *\d+(?:\.\d+)*(?: *, *|$))+")
_BOUND = re.compile(r"(>=|<) *([\d.]+)")
_PLAIN = re.compile(r"\d+(?:\.\d+)*")


class PluginState(StrEnum):
    """What became of a plugin that was found."""

    ACTIVE = "active"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(eq=False)
class Plugin:
    """One plugin that was found, whether or not it is used."""

    #: The name of its entry point, by which settings switch it on or off.
    name: str
    #: Where its hooks are written.
    module_name: str
    #: The distribution that brings it, and its version; `None` for the application.
    distribution: str | None = None
    version: str | None = None
    state: PluginState = PluginState.ACTIVE
    #: Why it is loaded, or is not.
    reason: str = ""
    #: What its distribution requires, as that is written.
    requires: tuple[str, ...] = ()
    #: The module, or in tests any object, whose marked functions are its hooks.
    implementation: Any = field(default=None, repr=False)

    @property
    def owner(self) -> str:
        """How messages name it: `plugin 'web' (actionhero-web 0.1.0)`."""
        if self.distribution is None:
            is_ours = self.name == APPLICATION
            return f"application {self.module_name!r}" if is_ours else f"plugin {self.name!r}"
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    def fail(self, reason: str) -> str:
        """Take the plugin out of use, and return the sentence that says why."""
        self.state = PluginState.FAILED
        self.reason = reason
        return f"{self.owner} {reason}"


def find_plugins(boot: BootSettings) -> tuple[list[Plugin], list[str]]:
    """Return the plugins that are installed, the active ones imported, and what is wrong.

    One that does not import is kept, marked as failed: listings show it, and whoever starts
    something refuses to.
    """
    problems: list[str] = []
    found = sorted(
        (_plugin(item) for item in entry_points(GROUP)),
        key=lambda plugin: (plugin.name, plugin.distribution or ""),
    )
    names = [plugin.name for plugin in found]
    for plugin in found:
        _switch(plugin, boot)
        if plugin.state is not PluginState.ACTIVE:
            continue
        if names.count(plugin.name) > 1:
            rivals = " and ".join(
                f"{other.distribution} {other.version}"
                for other in found
                if other.name == plugin.name
            )
            sentence = plugin.fail(
                f"is not the only plugin of that name: {rivals} both claim it; "
                "uninstall one of them, or put the name into plugins.disabled"
            )
            problems.append(sentence)
            continue
        # What it would say of a core that it does not know, while it is imported, would confuse.
        problem = _taken_name(plugin) or _wants_other_core(plugin) or _import(plugin)
        if problem:
            problems.append(problem)
    for name in (*boot.disabled, *(boot.enabled or ())):
        if name not in names:
            known = ", ".join(names) or "none"
            setting = "plugins.disabled" if name in boot.disabled else "plugins.enabled"
            problems.append(
                f"{setting} names {name!r}, which is not installed; there are: {known}. "
                "Install it, or mend the setting"
            )
    return found, problems


def load_application(boot: BootSettings) -> tuple[Plugin | None, list[str], list[str]]:
    """Import the application's package with all its modules, as the last plugin.

    Returns:
        The plugin, the names of its modules, and what is wrong. No plugin and nothing wrong
        means that no application was named.
    """
    package = boot.package
    if package is None:
        return None, [], []
    plugin = _application(package, boot)
    module_names = [package]
    try:
        module = importlib.import_module(package)
        for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{package}."):
            if info.name.rpartition(".")[2] != "__main__":
                importlib.import_module(info.name)
                module_names.append(info.name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return plugin, [], [plugin.fail(_import_failure(module_names[-1], error, boot))]
    # Hooks may be written in the package itself or in its module `plugin`.
    plugin.implementation = sys.modules.get(f"{package}.plugin", module)
    return plugin, module_names, []


def load_application_plugin(boot: BootSettings) -> tuple[Plugin | None, list[str]]:
    """Import of the application only the module where its hooks are written, if it has one.

    Returns:
        The plugin, and what is wrong. No plugin and nothing wrong means that no application was
        named.
    """
    package = boot.package
    if package is None:
        return None, []
    plugin = _application(package, boot)
    try:
        plugin.implementation = importlib.import_module(package)
        is_package = hasattr(plugin.implementation, "__path__")
        if is_package and importlib.util.find_spec(f"{package}.plugin"):
            plugin.implementation = importlib.import_module(f"{package}.plugin")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return plugin, [plugin.fail(_import_failure(package, error, boot))]
    return plugin, []


def hook_functions(implementation: Any) -> Iterable[tuple[str, Any]]:
    """Yield the functions of a plugin that are marked as hooks, or are named like one."""
    for name in dir(implementation):
        function = inspect.getattr_static(implementation, name, None)
        if not callable(function) and not isinstance(function, staticmethod | classmethod):
            continue
        function = getattr(implementation, name, None)
        is_named_so = name.startswith("actionhero_") and inspect.isroutine(function)
        if hasattr(function, IMPLEMENTATION_ATTRIBUTE) or is_named_so:
            yield name, function


def _application(package: str, boot: BootSettings) -> Plugin:
    """Return the application as a plugin, and make it importable."""
    # As `python -m` does for the current folder; `src` is where half of all projects have theirs.
    for folder in (boot.root / "src", boot.root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return Plugin(APPLICATION, package, reason="named by app.package")


def _plugin(item: EntryPoint) -> Plugin:
    return Plugin(
        name=item.name,
        module_name=item.module_name,
        distribution=item.distribution,
        version=item.version,
        reason="installed",
        requires=item.requires,
    )


def _switch(plugin: Plugin, boot: BootSettings) -> None:
    if plugin.name in boot.disabled:
        plugin.state, plugin.reason = PluginState.DISABLED, "listed in plugins.disabled"
    elif boot.enabled is not None and plugin.name not in boot.enabled:
        plugin.state, plugin.reason = PluginState.DISABLED, "not listed in plugins.enabled"
    elif boot.enabled is not None:
        plugin.reason = "listed in plugins.enabled"


def _taken_name(plugin: Plugin) -> str | None:
    if plugin.name not in (CORE, APPLICATION):
        return None
    return plugin.fail(
        "has a name that is taken: there is always one of that name; give its entry point another "
        "name, or uninstall it"
    )


def _wants_other_core(plugin: Plugin) -> str | None:
    """Say which core the plugin's distribution wants, if it is not the one that is installed."""
    for text in plugin.requires:
        if not _ON_CORE.match(text) or _is_plainly_met(text):
            continue
        # Ten milliseconds, for those alone that are not plain or not met.
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(VERSION, prereleases=True):
            return plugin.fail(
                f"wants actionhero{requirement.specifier}, and {VERSION} is installed; upgrade "
                "one of the two, or put the plugin's name into plugins.disabled"
            )
    return None


def _is_plainly_met(requirement: str) -> bool:
    """Whether a requirement has bounds of plain versions only, and this core is within them."""
    if requirement == f"actionhero=={VERSION}":
        return True
    if not (_BOUNDS.fullmatch(requirement) and _PLAIN.fullmatch(VERSION)):
        return False
    ours = _numbers(VERSION)
    return all(
        (ours >= _numbers(bound)) is (operator == ">=")
        for operator, bound in _BOUND.findall(requirement)
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return a plain version so that it compares: `1.0` is `1`."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _import(plugin: Plugin) -> str | None:
    try:
        plugin.implementation = importlib.import_module(plugin.module_name)
    except BaseException as error:
        # A module that calls sys.exit must not end the listing that would show it.
        if isinstance(error, KeyboardInterrupt):
            raise
        where = place_of(error)
        return plugin.fail(
            f"does not import: {plugin.module_name}: {type(error).__name__}: {error}{where}; "
            "mend or upgrade it, uninstall it, or put its name into plugins.disabled"
        )
    return None


def _import_failure(after: str, error: BaseException, boot: BootSettings) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == boot.package:
        return (
            f"was not found: there is no package {boot.package!r} in {boot.root} or its 'src'; "
            "mend app.package, or start in the folder of the application"
        )
    return (
        f"does not import: after {after}: {type(error).__name__}: {error}{place_of(error)}; "
        "mend the module"
    )


def place_of(error: BaseException) -> str:
    """Return the place in somebody's code where an import failed, as ` (file:line)`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and Path(frame.filename) != Path(__file__)
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
