"""Finding plugins: what is installed, what is switched on, and whether it imports."""

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
    load_application_plugin,
)
from actionhero.plugins.entry_points import entry_points
from actionhero.settings.sources import BootSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Install(Protocol):
    """Installs a distribution with one plugin, as pip would have left it."""

    def __call__(
        self, distribution: str, plugin: str, source: str = "", *, requires: str = "actionhero"
    ) -> Path: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that is the whole of what is installed; its modules are forgotten after."""
    known = set(sys.modules)
    folder = tmp_path / "site"
    folder.mkdir()
    # The standard library stays, whatever else is installed goes.
    kept = [path for path in sys.path if "site-packages" not in path and "actionhero" not in path]
    monkeypatch.setattr(sys, "path", [str(folder), *(path for path in kept if path)])

    yield folder

    for name in set(sys.modules) - known:
        if name.startswith(("guest_", "guestbook_")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Give a function that installs a distribution."""

    def write(
        distribution: str, plugin: str, source: str = "", *, requires: str = "actionhero"
    ) -> Path:
        package = distribution.replace("-", "_")
        told = site / f"{package}-1.0.dist-info"
        for folder in (site / package, told):
            folder.mkdir()
        (site / package / "__init__.py").touch()
        module = site / package / "plugin.py"
        module.write_text(source)
        (told / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
            f"Requires-Dist: {requires}\n"
            "\nRequires-Dist: actionhero>99 is what a description may say.\n"
        )
        (told / "entry_points.txt").write_text(
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
    """Return what is known before plugins can be found."""
    return BootSettings(root, "test", package, enabled, disabled)


def states(plugins: list[Plugin]) -> dict[str, str]:
    """Return the state of each plugin by its name."""
    return {plugin.name: str(plugin.state) for plugin in plugins}


def test_installed_means_found(install: Install, site: Path) -> None:
    """With its distribution and version, in the order of names on every machine."""
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


def test_nothing_installed_is_nothing_wrong(site: Path) -> None:
    """Core alone is whole."""
    assert find_plugins(boot(site)) == ([], [])


def test_a_plugin_that_is_switched_off_is_not_imported(install: Install, site: Path) -> None:
    """Listed with the reason."""
    install("guest-one", "a", "raise SystemExit(1)\n")

    [plugin], problems = find_plugins(boot(site, disabled=("a",)))

    assert problems == []
    assert plugin.state is PluginState.DISABLED
    assert plugin.reason == "listed in plugins.disabled"
    assert "guest_one.plugin" not in sys.modules


def test_only_what_is_enabled_is_on_where_that_is_set(install: Install, site: Path) -> None:
    """Disabled goes before enabled."""
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


def test_a_name_that_is_not_installed_is_told_with_those_that_are(
    install: Install, site: Path
) -> None:
    """Whichever setting has it."""
    install("guest-one", "a")

    _, problems = find_plugins(boot(site, enabled=("a", "x"), disabled=("y",)))

    assert problems == [
        "plugins.disabled names 'y', which is not installed; there are: a. Install it, or mend "
        "the setting",
        "plugins.enabled names 'x', which is not installed; there are: a. Install it, or mend "
        "the setting",
    ]


def test_a_plugin_that_does_not_import_is_kept_and_told(install: Install, site: Path) -> None:
    """The place is that in its own code, not in what it called."""
    module = install("guest-one", "a", "\nimport json\njson.loads('nonsense')\n")

    [plugin], [problem] = find_plugins(boot(site))

    assert plugin.state is PluginState.FAILED
    assert problem.startswith("plugin 'a' (guest-one 1.0) does not import: guest_one.plugin: ")
    assert "JSONDecodeError" in problem
    assert f"{module}:3" in problem or "json/" in problem


def test_a_user_who_interrupts_an_import_is_obeyed(install: Install, site: Path) -> None:
    """It is no fault of the plugin."""
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
        "actionhero-nobody>9",
        "this is no requirement",
    ],
)
def test_a_plugin_that_wants_this_core_is_welcome(
    install: Install, site: Path, requires: str
) -> None:
    """However that is written."""
    install("guest-one", "a", requires=requires)

    plugins, problems = find_plugins(boot(site))

    assert problems == []
    assert states(plugins) == {"a": "active"}


@pytest.mark.parametrize(
    "requires",
    ["actionhero>=9", "actionhero<0.1", "actionhero<0.1.0,>=0.0.9", "ActionHero==0.0.1"],
)
def test_a_plugin_that_wants_another_core_is_refused(
    install: Install, site: Path, requires: str
) -> None:
    """Before it is imported."""
    install("guest-one", "a", "raise SystemExit(1)\n", requires=requires)

    _, [problem] = find_plugins(boot(site))

    assert problem.startswith("plugin 'a' (guest-one 1.0) wants actionhero")
    assert f", and {__version__} is installed; upgrade one of the two, or put " in problem


def test_entry_points_are_those_of_the_standard_library() -> None:
    """Read faster, and no different: here are all that are installed beside this test."""
    ours = {(item.name, item.module_name, item.distribution) for item in entry_points(GROUP)}

    theirs = {
        (entry.name, entry.module, entry.dist.name if entry.dist else "")
        for entry in importlib.metadata.entry_points(group=GROUP)
    }
    assert ours == theirs
    scripts = {item.name for item in entry_points("console_scripts")}
    assert "actionhero" in scripts


@pytest.fixture
def guestbook(site: Path) -> Path:
    """Give the package of an application."""
    package = site.parent / "guestbook_here"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "actions.py").write_text("")
    return package


def test_of_an_application_only_the_hooks_are_imported_for_help(guestbook: Path) -> None:
    """Its actions would bring all that they lean on."""
    (guestbook / "plugin.py").write_text("")

    plugin, problems = load_application_plugin(boot(guestbook.parent, package="guestbook_here"))

    assert problems == []
    assert plugin is not None
    assert plugin.owner == "application 'guestbook_here'"
    assert plugin.implementation is sys.modules["guestbook_here.plugin"]
    assert "guestbook_here.actions" not in sys.modules


def test_an_application_without_hooks_is_no_fault(guestbook: Path) -> None:
    """Most have none."""
    plugin, problems = load_application_plugin(boot(guestbook.parent, package="guestbook_here"))

    assert problems == []
    assert plugin is not None
    assert plugin.implementation is sys.modules["guestbook_here"]


def test_an_application_may_be_one_module(site: Path) -> None:
    """A small one is a file."""
    (site.parent / "guestbook_file.py").write_text("")

    for load in (load_application_plugin, load_application):
        plugin, *_, problems = load(boot(site.parent, package="guestbook_file"))
        assert problems == []
        assert plugin is not None
        assert plugin.implementation is sys.modules["guestbook_file"]


def test_no_application_is_nothing_wrong(site: Path) -> None:
    """Plugins alone can be served."""
    assert load_application_plugin(boot(site)) == (None, [])
    assert load_application(boot(site)) == (None, [], [])


def test_a_program_inside_an_application_is_not_run(guestbook: Path) -> None:
    """`__main__` is for `python -m`."""
    (guestbook / "__main__.py").write_text("raise SystemExit('run')\n")

    _, modules, problems = load_application(boot(guestbook.parent, package="guestbook_here"))

    assert problems == []
    assert modules == ["guestbook_here", "guestbook_here.actions"]


def test_a_module_of_an_application_that_lacks_a_library_is_told_as_that(guestbook: Path) -> None:
    """Not as if the application itself were not there."""
    path = guestbook / "pages.py"
    path.write_text("import a_library_that_is_not_there\n")

    plugin, _, [problem] = load_application(boot(guestbook.parent, package="guestbook_here"))

    assert plugin is not None
    assert plugin.state is PluginState.FAILED
    assert problem == (
        "application 'guestbook_here' does not import: after guestbook_here.actions: "
        "ModuleNotFoundError: No module named 'a_library_that_is_not_there' "
        f"({path}:1); mend the module"
    )
