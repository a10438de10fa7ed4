"""Modules are small, named with nouns, and import only modules of lower layers."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for pattern in ("core/src", "plugins/*/src", "example-plugins/*/src")
    for folder in ROOT.glob(pattern)
    for path in sorted(folder.rglob("*.py"))
]

PACKAGES = [
    path.parent
    for pattern in ("core/src/*", "plugins/*/src/*", "example-plugins/*/src/*")
    for path in sorted(ROOT.glob(f"{pattern}/__init__.py"))
]

#: Names that say nothing about the contents of a module.
EMPTY_NAMES = {"base", "common", "core_utils", "helper", "helpers", "misc", "util", "utils"}


def contracts() -> list[Path]:
    """Return each pyproject.toml with contracts of import-linter: the root's and the packages'."""
    return [
        path
        for pattern in (".", "core", "plugins/*", "example-plugins/*")
        for path in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))
        if "importlinter" in tomllib.loads(path.read_text("utf-8")).get("tool", {})
    ]


@pytest.mark.parametrize("config", contracts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(config: Path) -> None:
    """The contracts of import-linter hold: between packages, and inside each of them."""
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert linter, "import-linter is not installed: it is in the dependency group 'workspace'"
    sources = os.pathsep.join(
        str(folder)
        for pattern in ("core/src", "plugins/*/src", "example-plugins/*/src")
        for folder in ROOT.glob(pattern)
    )

    lint = subprocess.run(
        [linter, "--no-cache", "--config", config],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_every_plugin_is_named_in_the_contracts() -> None:
    """The contracts between packages include new plugins."""
    text = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.importlinter]")[2]

    for pattern in ("plugins/*/src/*", "example-plugins/*/src/*"):
        for package in ROOT.glob(f"{pattern}/__init__.py"):
            assert f'"{package.parent.name}"' in text


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_of_more_than_ten_modules_has_layers(package: Path) -> None:
    """Imports for type checkers count too: a circle of annotations is a circle of ideas."""
    if len(list(package.rglob("*.py"))) <= 10:
        return
    project = tomllib.loads((package.parents[1] / "pyproject.toml").read_text("utf-8"))

    linter = project["tool"]["importlinter"]

    assert linter["root_package"] == package.name
    assert linter["exclude_type_checking_imports"] is False
    assert any(
        contract["type"] == "layers" and contract.get("exhaustive")
        for contract in linter["contracts"]
    )


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_module_is_in_a_circle_of_imports(package: Path) -> None:
    """Imports for type checkers are included; the lazy names of the package itself are not."""
    graph = imports_inside(package)

    sorter = TopologicalSorter(graph)

    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def imports_inside(package: Path) -> dict[str, set[str]]:
    """Return which modules of a package each of its modules imports."""
    modules = {
        ".".join((package.name, *path.relative_to(package).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in package.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        text = path.read_text("utf-8")
        if path.name == "__init__.py" and "lazy_names(" in text:
            # Imported when a name is used, so it depends on no module.
            continue
        imported: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    imported.add(whole if whole in modules else node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
        graph[name] = imported & set(modules) - {name}
    return graph


def test_a_module_has_at_most_400_lines() -> None:
    """A module that grows beyond is two modules."""
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}

    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_no_module_is_called_utils() -> None:
    """A module is named with the noun that it defines."""
    assert [path for path in SOURCES if EMPTY_NAMES & {path.stem, path.parent.name}] == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("actionhero", {"aiohttp", "click", "pluggy", "pydantic", "rich"}),
        ("actionhero_redis", {"fakeredis", "pydantic", "redis"}),
        ("actionhero_redis.plugin", {"fakeredis", "pydantic", "redis"}),
        ("actionhero_web", {"aiohttp", "orjson", "pydantic", "rich", "uvloop"}),
        ("actionhero_web.plugin", {"aiohttp", "orjson", "pydantic", "rich", "uvloop"}),
        ("actionhero_hello.plugin", {"aiohttp", "pydantic", "rich"}),
    ],
)
def test_plugin_modules_import_no_library(module: str, unwanted: set[str]) -> None:
    """`actionhero --help` imports the `plugin.py` of every plugin, so it has to be light."""
    program = f"import sys, {module}; print(*sorted({unwanted!r} & set(sys.modules)))"

    imported = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert imported.stdout.split() == []


def test_core_has_few_files_at_its_top_level() -> None:
    """The tree of core shows its parts: related modules are in a folder."""
    top = list((ROOT / "core" / "src" / "actionhero").glob("*.py"))

    assert len(top) <= 24
