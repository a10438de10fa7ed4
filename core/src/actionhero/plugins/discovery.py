"""Discovery of plugins: which are installed, which are enabled, and how they are imported.

It imports the standard library alone: every `actionhero --help` discovers the plugins.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import traceback
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionhero.errors import name_hint
from actionhero.plugins import VERSION
from actionhero.plugins.entry_points import (
    entry_point_files,
    entry_points,
    invalid_entry_points,
)

if TYPE_CHECKING:
    from actionhero.settings.sources import BootSettings

#: The entry-point group of plugins.
GROUP = "actionhero"
#: The names of the application, as a plugin, and of core's own plugin.
APPLICATION = "application"
CORE = "core"

#: A requirement of core, and not of a plugin such as `actionhero-web`.
_REQUIRES_CORE = re.compile(r"actionhero(?![\w.-])", re.IGNORECASE)
#: A requirement with bounds of release versions only, as most plugins have.
_SIMPLE_REQUIREMENT = re.compile(r"actionhero *(?:(?:>=|<) *\d+(?:\.\d+)*(?: *, *|$))+")
_BOUND = re.compile(r"(>=|<) *([\d.]+)")
#: The beginning of pydantic's last paragraph, an address.
_FURTHER = "\n\nFor further information visit"
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


class PluginState(StrEnum):
    """The state of an installed plugin."""

    ACTIVE = "active"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(eq=False)
class Plugin:
    """An installed plugin, active or not, or the application."""

    #: The name of its entry point, which settings refer to.
    name: str
    #: The module of its hooks.
    module_name: str
    #: Its distribution and the version of that; `None` for the application.
    distribution: str | None = None
    version: str | None = None
    state: PluginState = PluginState.ACTIVE
    #: The reason for its state.
    reason: str = ""
    #: The requirements of its distribution.
    requires: tuple[str, ...] = ()
    #: The dotted path of the object in the module that has the hooks; empty: the module itself.
    attribute: str = ""
    #: The module or object with the hook implementations.
    implementation: Any = field(default=None, repr=False)

    @property
    def owner(self) -> str:
        """Its name in messages: `plugin 'web' (actionhero-web 0.1.0)`."""
        if self.distribution is None:
            if self.name == APPLICATION:
                return f"application {self.module_name!r}"
            return f"plugin {self.name!r}"
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    def fail(self, reason: str) -> str:
        """Mark the plugin as failed, and return the error message."""
        self.state = PluginState.FAILED
        self.reason = reason
        return f"{self.owner} {reason}"


def find_plugins(boot: BootSettings) -> tuple[list[Plugin], list[str]]:
    """Import the enabled plugins, and return all installed plugins and the error messages.

    A plugin that fails is returned too: listings show it.
    """
    files = list(entry_point_files())
    problems = invalid_entry_points(files)
    plugins = sorted(
        (
            Plugin(
                name=entry_point.name,
                module_name=entry_point.module_name,
                distribution=entry_point.distribution,
                version=entry_point.version,
                reason="installed",
                requires=entry_point.requires,
                attribute=entry_point.attribute,
            )
            for entry_point in entry_points(GROUP, files)
        ),
        key=lambda plugin: (plugin.name, plugin.distribution or ""),
    )
    for plugin in plugins:
        _apply_settings(plugin, boot)
        if plugin.state is PluginState.ACTIVE:
            # Before the import, whose errors with an unsupported core would be misleading.
            reason = _name_conflict(plugin, plugins) or _core_mismatch(plugin) or _import(plugin)
            if reason:
                problems.append(plugin.fail(reason))
    names = [plugin.name for plugin in plugins]
    for name in (*boot.disabled, *(boot.enabled or ())):
        if name not in names:
            setting = "plugins.disabled" if name in boot.disabled else "plugins.enabled"
            problems.append(
                f"{setting} contains {name!r}, which is not installed; install it, or fix the "
                f"setting; {name_hint(name, names)}"
            )
    return plugins, problems


def load_application(
    boot: BootSettings, *, all_modules: bool = True
) -> tuple[Plugin | None, list[str], list[str]]:
    """Import the application package, and return it as the last plugin.

    Args:
        boot: The settings, with the name of the package.
        all_modules: Whether to import all modules of the package, apart from `__main__` and those
            of the package `migrations`, or only that of its hooks.

    Returns:
        The plugin, the names of the imported modules, and the error messages. No plugin and no
        error means that the settings name no application.
    """
    package = boot.package
    if package is None:
        return None, [], []
    # As `python -m` does for the current folder; many projects have their packages in `src`.
    for folder in (boot.root / "src", boot.root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    plugin = Plugin(APPLICATION, package, reason="named by app.package")
    module_names = [package]
    walk = pkgutil.walk_packages if all_modules else pkgutil.iter_modules
    try:
        module = importlib.import_module(package)
        if fault := _other_module(package.partition(".")[0], boot.root):
            return plugin, [], [plugin.fail(fault)]
        for info in walk(getattr(module, "__path__", ()), f"{package}."):
            is_program = info.name.endswith(".__main__")
            # Migrations are imported by the commands that run them; old ones may need names that
            # the application does not have any more.
            is_migration = info.name.startswith(f"{package}.migrations.")
            is_part = not is_program and not is_migration
            if info.name == f"{package}.plugin" or (all_modules and is_part):
                importlib.import_module(info.name)
                module_names.append(info.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a module may call sys.exit
        return plugin, [], [plugin.fail(_import_failure(module_names[-1], error, boot))]
    # The hooks are in the package itself or in its module `plugin`.
    plugin.implementation = sys.modules.get(f"{package}.plugin", module)
    return plugin, module_names, []


def _other_module(name: str, root: Path) -> str | None:
    """Return the fault if the imported module is another one than that of the application.

    Such as `json.py` in the folder of the application: Python has imported its own before.
    """
    imported = getattr(sys.modules[name], "__file__", None)
    paths = (f"{name}/__init__.py", f"{name}.py")
    files = [folder / path for folder in (root, root / "src") for path in paths]
    file = next(filter(Path.is_file, files), None)
    if imported is None or file is None or Path(imported).resolve() in map(Path.resolve, files):
        return None
    return (
        f"is not {file}: its name is that of {imported}, which is imported already; rename it, "
        "and change app.package"
    )


def _apply_settings(plugin: Plugin, boot: BootSettings) -> None:
    if plugin.name in boot.disabled:
        plugin.state, plugin.reason = PluginState.DISABLED, "listed in plugins.disabled"
    elif boot.enabled is not None and plugin.name not in boot.enabled:
        plugin.state, plugin.reason = PluginState.DISABLED, "not listed in plugins.enabled"
    elif boot.enabled is not None:
        plugin.reason = "listed in plugins.enabled"


def _name_conflict(plugin: Plugin, plugins: list[Plugin]) -> str | None:
    if plugin.name in (CORE, APPLICATION):
        return "has a reserved name; rename its entry point, or uninstall it"
    rivals = [
        f"{other.distribution} {other.version}" for other in plugins if other.name == plugin.name
    ]
    if len(rivals) == 1:
        return None
    return (
        f"does not have a unique name: it is defined by {' and by '.join(rivals)}; uninstall one "
        "of them, or add the name to plugins.disabled"
    )


def _core_mismatch(plugin: Plugin) -> str | None:
    """Return the reason if the plugin requires another version of core."""
    for text in plugin.requires:
        if not _REQUIRES_CORE.match(text) or _is_met(text):
            continue
        # Its import takes as long as that of click, so it is avoided for simple requirements.
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(VERSION, prereleases=True):
            return (
                f"requires actionhero{requirement.specifier}, but {VERSION} is installed; upgrade "
                "one of the two, or add the plugin's name to plugins.disabled"
            )
    return None


def _is_met(requirement: str) -> bool:
    """Return whether a simple requirement is met. `False` if it is not simple."""
    if requirement == f"actionhero=={VERSION}":
        return True
    if not (_SIMPLE_REQUIREMENT.fullmatch(requirement) and _RELEASE.fullmatch(VERSION)):
        return False
    core = _release(VERSION)
    return all(
        (core >= _release(bound)) is (operator == ">=")
        for operator, bound in _BOUND.findall(requirement)
    )


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version without trailing zeros: `1.0` is `1`."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _import(plugin: Plugin) -> str | None:
    if not plugin.module_name:
        return "names no module in its entry point; fix or uninstall it"
    try:
        implementation = importlib.import_module(plugin.module_name)
        for name in filter(None, plugin.attribute.split(".")):
            implementation = getattr(implementation, name)
        plugin.implementation = implementation
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a module may call sys.exit
        return (
            f"cannot be imported: {plugin.module_name}: {error_summary(error)}; fix or upgrade it, "
            "uninstall it, or add its name to plugins.disabled"
        )
    return None


def _import_failure(previous: str, error: BaseException, boot: BootSettings) -> str:
    # Imported here because most starts have no such error.
    from actionhero.plugins.import_advice import import_advice, package_advice  # noqa: PLC0415

    package = str(boot.package)
    is_name = all(map(str.isidentifier, package.split(".")))
    if not is_name or (isinstance(error, ModuleNotFoundError) and error.name == package):
        return (
            f"was not found: there is no package {package!r} in {boot.root} or its 'src'; "
            f"{package_advice(package, boot.root)}"
        )
    # Our own errors have a remedy.
    remedy = import_advice(error) or ("" if _is_ours(error) else "fix the module")
    summary = error_summary(error, boot.root)
    if remedy.startswith("did you mean"):
        # Python 3.13 says the same, before the place.
        summary = re.sub(r"\. Did you mean '\w+'\?", "", summary)
    return f"cannot be imported: after {previous}: {summary}" + (f"; {remedy}" if remedy else "")


def _is_ours(error: BaseException) -> bool:
    """Return whether a package of ours has raised an error with a remedy."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = frames[-1].f_globals.get("__name__", "") if frames else ""
    return isinstance(error, ValueError) and module.startswith("actionhero") and "; " in str(error)


def error_summary(error: BaseException, root: Path | None = None) -> str:
    """Return the type, the text and the place of an error: `TypeError: … (file:line)`.

    Args:
        error: The error.
        root: The folder of the application. The place is the last one in its own files, if there
            is one, and not that in a library.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    text = str(error).partition(_FURTHER)[0].rstrip()
    if type(error).__name__ in {"PydanticUserError", "PydanticSchemaGenerationError"}:
        # The other sentences are general advice, and a number is the id of a class.
        text = re.sub(r":\d{6,}", "", text.partition(". ")[0].partition(" (use check_fields")[0])
    text = f"{type(error).__name__}: {text}"
    if isinstance(error, ImportError) and error.path:
        # The file of the module that does not have the name; the place is that of the import.
        text = text.replace(f" ({error.path})", "")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and Path(frame.filename) != Path(__file__)
    ]
    own = [frame for frame in frames if root is not None and _is_own(Path(frame.filename), root)]
    if not frames:
        return text
    frame = (own or frames)[-1]
    return f"{text} ({frame.filename}:{frame.lineno})"


def _is_own(file: Path, root: Path) -> bool:
    """Return whether a file is one of the application, and not of an environment in its folder."""
    return file.is_relative_to(root) and "site-packages" not in file.parts
