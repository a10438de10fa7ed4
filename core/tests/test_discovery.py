"""Discovery of plugins: installed, enabled and importable ones."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from actionhero import __version__
from actionhero.plugins.discovery import (
    GROUP,
    Plugin,
    PluginState,
    find_plugins,
    load_application,
)
from actionhero.plugins.entry_points import entry_points
from actionhero.settings.sources import BootSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Install(Protocol):
    """Installs a distribution with one plugin, as pip does."""

    def __call__(
        self, distribution: str, plugin: str, source: str = "", *, requires: str = "actionhero"
    ) -> Path: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty `site-packages`, whose modules are removed from `sys.modules` after the test."""
    known = set(sys.modules)
    folder = tmp_path / "site"
    folder.mkdir()
    # Only the standard library remains importable.
    standard = [
        path for path in sys.path if "site-packages" not in path and "actionhero" not in path
    ]
    monkeypatch.setattr(sys, "path", [str(folder), *(path for path in standard if path)])

    yield folder

    for name in set(sys.modules) - known:
        if name.startswith(("guest_", "guestbook_")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """A function that installs a distribution."""

    def write(
        distribution: str, plugin: str, source: str = "", *, requires: str = "actionhero"
    ) -> Path:
        package = distribution.replace("-", "_")
        metadata = site / f"{package}-1.0.dist-info"
        for folder in (site / package, metadata):
            folder.mkdir()
        (site / package / "__init__.py").touch()
        module = site / package / "plugin.py"
        module.write_text(source)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
            f"Requires-Dist: {requires}\n"
            "\nRequires-Dist: actionhero>99 is a line of the description.\n"
        )
        (metadata / "entry_points.txt").write_text(
            "[console_scripts]\nguest = nowhere:main\n\n"
            f"[actionhero]\n{plugin} = {package}.plugin\n"
        )
        return module

    return write


def boot(
    root: Path,
    *,
    enabled: tuple[str, ...] | None = None,
    disabled: tuple[str, ...] = (),
    package: str | None = None,
) -> BootSettings:
    """Return boot settings."""
    return BootSettings(root, "test", package, enabled, disabled)


def states(plugins: list[Plugin]) -> dict[str, str]:
    """Return the state of each plugin by name."""
    return {plugin.name: str(plugin.state) for plugin in plugins}


def test_installed_plugins_are_found(install: Install, site: Path) -> None:
    """With distribution and version, sorted by name."""
    install("guest-two", "b")
    install("guest-one", "a")

    plugins, problems = find_plugins(boot(site))

    assert problems == []
    assert [plugin.owner for plugin in plugins] == [
        "plugin 'a' (guest-one 1.0)",
        "plugin 'b' (guest-two 1.0)",
    ]
    assert [plugin.reason for plugin in plugins] == ["installed", "installed"]
    assert plugins[0].implementation is sys.modules["guest_one.plugin"]


def test_no_plugins_are_no_error(site: Path) -> None:
    """Core works alone."""
    assert find_plugins(boot(site)) == ([], [])


def test_disabled_plugins_are_not_imported(install: Install, site: Path) -> None:
    """They are listed with the reason."""
    install("guest-one", "a", "raise SystemExit(1)\n")

    [plugin], problems = find_plugins(boot(site, disabled=("a",)))

    assert problems == []
    assert plugin.state is PluginState.DISABLED
    assert plugin.reason == "listed in plugins.disabled"
    assert "guest_one.plugin" not in sys.modules


def test_an_entry_point_can_name_an_object_of_a_module(install: Install, site: Path) -> None:
    """The object has the hooks. A missing one is an error."""
    install("guest-one", "a", "class Hooks:\n    hooks = object()\n")
    install("guest-two", "b", "")
    for metadata in site.glob("*.dist-info/entry_points.txt"):
        metadata.write_text(metadata.read_text().rstrip() + ":Hooks.hooks\n")

    [plugin, _], [problem] = find_plugins(boot(site))

    assert plugin.implementation is sys.modules["guest_one.plugin"].Hooks.hooks
    assert problem.startswith("plugin 'b' (guest-two 1.0) cannot be imported: ")
    assert "has no attribute 'Hooks'" in problem


def test_enabled_selects_the_only_plugins(install: Install, site: Path) -> None:
    """`disabled` overrides `enabled`."""
    for name in "abc":
        install(f"guest-{name}", name)

    plugins, problems = find_plugins(boot(site, enabled=("a", "b"), disabled=("b",)))

    assert problems == []
    assert states(plugins) == {"a": "active", "b": "disabled", "c": "disabled"}
    assert [plugin.reason for plugin in plugins] == [
        "listed in plugins.enabled",
        "listed in plugins.disabled",
        "not listed in plugins.enabled",
    ]


def test_unknown_plugin_names_in_settings_are_an_error(install: Install, site: Path) -> None:
    """The message lists the installed ones."""
    install("guest-one", "a")

    _, problems = find_plugins(boot(site, enabled=("a", "x"), disabled=("y",)))

    assert problems == [
        "plugins.disabled contains 'y', which is not installed; install it, or fix the "
        "setting; available: a",
        "plugins.enabled contains 'x', which is not installed; install it, or fix the "
        "setting; available: a",
    ]


def test_a_plugin_that_cannot_be_imported_has_failed(install: Install, site: Path) -> None:
    """The message contains the file and the line."""
    module = install("guest-one", "a", "\nimport json\njson.loads('nonsense')\n")

    [plugin], [problem] = find_plugins(boot(site))

    assert plugin.state is PluginState.FAILED
    assert problem.startswith("plugin 'a' (guest-one 1.0) cannot be imported: guest_one.plugin: ")
    assert "JSONDecodeError" in problem
    assert f"{module}:3" in problem or "json/" in problem


def test_keyboard_interrupts_during_an_import_propagate(install: Install, site: Path) -> None:
    """They are no error of the plugin."""
    install("guest-one", "a", "raise KeyboardInterrupt\n")

    with pytest.raises(KeyboardInterrupt):
        find_plugins(boot(site))


@pytest.mark.parametrize(
    "requires",
    [
        "actionhero",
        f"actionhero=={__version__}",
        f"actionhero>={__version__}",
        "actionhero<1,>=0.1",
        "actionhero (>=0.1)",
        "actionhero >= 0.1 , < 1",
        "actionhero[yaml]~=0.1",
        "actionhero>9; python_version < '3'",
        "actionhero-other>9",
        "this is no requirement",
    ],
)
def test_requirements_that_core_meets_are_accepted(
    install: Install, site: Path, requires: str
) -> None:
    """In all notations."""
    install("guest-one", "a", requires=requires)

    plugins, problems = find_plugins(boot(site))

    assert problems == []
    assert states(plugins) == {"a": "active"}


@pytest.mark.parametrize(
    "requires",
    ["actionhero>=9", "actionhero<0.1", "actionhero<0.1.0,>=0.0.9", "ActionHero==0.0.1"],
)
def test_plugins_for_another_core_are_not_imported(
    install: Install, site: Path, requires: str
) -> None:
    """They have failed."""
    install("guest-one", "a", "raise SystemExit(1)\n", requires=requires)

    _, [problem] = find_plugins(boot(site))

    assert problem.startswith("plugin 'a' (guest-one 1.0) requires actionhero")
    assert f", but {__version__} is installed; upgrade one of the two, or add " in problem


def test_entry_points_are_those_of_the_standard_library() -> None:
    """For all distributions of the test environment."""
    actual = {(item.name, item.module_name, item.distribution) for item in entry_points(GROUP)}

    expected = {
        (entry.name, entry.module, entry.dist.name if entry.dist else "")
        for entry in importlib.metadata.entry_points(group=GROUP)
    }
    assert actual == expected
    scripts = {item.name for item in entry_points("console_scripts")}
    assert "actionhero" in scripts


@pytest.fixture
def guestbook(site: Path) -> Path:
    """The package of an application."""
    package = site.parent / "guestbook_here"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "actions.py").write_text("")
    return package


def test_help_imports_only_the_hooks_of_an_application(guestbook: Path) -> None:
    """Its actions would import their dependencies."""
    (guestbook / "plugin.py").write_text("")

    plugin, _, problems = load_application(
        boot(guestbook.parent, package="guestbook_here"), all_modules=False
    )

    assert problems == []
    assert plugin is not None
    assert plugin.owner == "application 'guestbook_here'"
    assert plugin.implementation is sys.modules["guestbook_here.plugin"]
    assert "guestbook_here.actions" not in sys.modules


def test_applications_need_no_hooks(guestbook: Path) -> None:
    """Most of them have none."""
    plugin, _, problems = load_application(
        boot(guestbook.parent, package="guestbook_here"), all_modules=False
    )

    assert problems == []
    assert plugin is not None
    assert plugin.implementation is sys.modules["guestbook_here"]


def test_an_application_can_be_one_module(site: Path) -> None:
    """A small application is one file."""
    (site.parent / "guestbook_file.py").write_text("")

    for all_modules in (False, True):
        plugin, _, problems = load_application(
            boot(site.parent, package="guestbook_file"), all_modules=all_modules
        )
        assert problems == []
        assert plugin is not None
        assert plugin.implementation is sys.modules["guestbook_file"]


def test_no_application_is_no_error(site: Path) -> None:
    """Plugins can run without one."""
    assert load_application(boot(site), all_modules=False) == (None, [], [])
    assert load_application(boot(site)) == (None, [], [])


def test_the_program_of_an_application_is_not_imported(guestbook: Path) -> None:
    """`__main__` is for `python -m`."""
    (guestbook / "__main__.py").write_text("raise SystemExit('run')\n")

    _, modules, problems = load_application(boot(guestbook.parent, package="guestbook_here"))

    assert problems == []
    assert modules == ["guestbook_here", "guestbook_here.actions"]


def test_migrations_of_an_application_are_not_imported(guestbook: Path) -> None:
    """They are history: what they import may be gone."""
    folder = guestbook / "migrations"
    (folder / "notes").mkdir(parents=True)
    for name in ("__init__.py", "notes/__init__.py"):
        (folder / name).touch()
    for name in ("0001_initial.py", "notes/0_initial.py"):
        (folder / name).write_text("from guestbook_here.models import Gone\n")
    (guestbook / "migrations_of_guests.py").touch()

    _, modules, problems = load_application(boot(guestbook.parent, package="guestbook_here"))

    assert problems == []
    imported = [name for name in sys.modules if name.startswith("guestbook_here")]
    assert not [name for name in imported if name.endswith("_initial")]
    assert "guestbook_here.migrations_of_guests" in modules


def test_a_missing_library_of_an_application_is_reported(guestbook: Path) -> None:
    """Not as a missing application."""
    path = guestbook / "pages.py"
    path.write_text("import missing_library\n")

    plugin, _, [problem] = load_application(boot(guestbook.parent, package="guestbook_here"))

    assert plugin is not None
    assert plugin.state is PluginState.FAILED
    assert problem == (
        "application 'guestbook_here' cannot be imported: after guestbook_here.actions: "
        "ModuleNotFoundError: No module named 'missing_library' "
        f"({path}:1); install 'missing_library' in this environment, or fix the import"
    )
