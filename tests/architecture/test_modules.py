"""Modules are small, named for what they define, and know only what lies below them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for pattern in ("core/src", "plugins/*/src", "example-plugins/*/src")
    for folder in ROOT.glob(pattern)
    for path in sorted(folder.rglob("*.py"))
]

#: No noun: what lies in such a module has a better place, or a name of its own.
NO_NOUNS = {"base", "common", "core_utils", "helper", "helpers", "misc", "util", "utils"}


def test_imports_point_one_way() -> None:
    """The contracts of import-linter in pyproject.toml hold."""
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert linter, "import-linter is not installed: it is in the dependency group 'workspace'"
    sources = os.pathsep.join(
        str(folder)
        for pattern in ("core/src", "plugins/*/src", "example-plugins/*/src")
        for folder in ROOT.glob(pattern)
    )

    lint = subprocess.run(
        [linter, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_every_plugin_is_under_the_contracts() -> None:
    """A new plugin is not forgotten when it is said who may import whom."""
    contracts = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.importlinter]")[2]

    for pattern in ("plugins/*/src/*", "example-plugins/*/src/*"):
        for package in ROOT.glob(f"{pattern}/__init__.py"):
            assert f'"{package.parent.name}"' in contracts


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_in_the_head(path: Path) -> None:
    """A module has at most 400 lines: one that grows beyond is two modules."""
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_a_module_is_named_for_what_it_defines() -> None:
    """Nothing is called utils: what helps has a name, or lives with its one user."""
    assert [path for path in SOURCES if NO_NOUNS & {path.stem, path.parent.name}] == []


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
def test_what_every_command_imports_is_light(module: str, unwanted: set[str]) -> None:
    """`actionhero --help` loads every plugin's `plugin.py`: none of them costs it a library."""
    program = f"import sys, {module}; print(*sorted({unwanted!r} & set(sys.modules)))"

    imported = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert imported.stdout.split() == []
