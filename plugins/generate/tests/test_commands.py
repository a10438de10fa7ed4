"""The commands `new` and `generate`, in processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]

COMPONENTS = {
    "action": "entry:create",
    "middleware": "SignedIn",
    "initializer": "mailer",
    "server": "lines",
    "channel": "news",
    "panel": "notes",
    "task": "nightly",
    "migration": "entries",
}
MODELS = '''"""The models of the guest book."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    """An entry of the guest book."""

    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=500)
'''
OWN_PLUGIN = """
from __future__ import annotations

from actionhero import hookimpl
from actionhero_generate import Generator, Template


@hookimpl
def actionhero_generators() -> list[Generator]:
    template = Template("hat.txt.jinja", "{{ package_folder }}/{{ module }}.txt")
    return [Generator(TYPE, "A hat.", (template,), package="guestbook", note="wear {{ name }}")]
"""


def files_in(folder: Path) -> dict[str, str]:
    """Return the content of all files."""
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def assert_checks_pass(run: Run, folder: str) -> None:
    """Run all tools that the settings of a project configure."""
    for module, *arguments in (
        ("pytest", "-q", "-p", "no:cacheprovider"),
        ("ruff", "check", "--no-cache"),
        ("ruff", "check", "--no-cache", "--isolated"),
        ("ruff", "format", "--check", "--no-cache"),
        ("mypy",),
        ("basedpyright", "--level", "error", "--pythonpath", sys.executable),
    ):
        process = run(module, *arguments, folder=folder)
        output = process.stdout + process.stderr
        assert process.returncode == 0, f"{module} {arguments}\n{output}"


@pytest.mark.timeout(400)
def test_an_application_with_all_component_types_passes_all_checks(
    run: Run, application: Path
) -> None:
    """Its tests, ruff, mypy and pyright pass without changes."""
    (application / "guestbook" / "models.py").write_text(MODELS)
    for component, name in COMPONENTS.items():
        process = run("actionhero", "generate", component, name, folder="guestbook")
        assert process.returncode == 0, process.stderr
        assert process.stdout.split()
        for path in process.stdout.split():
            assert (application / path).is_file()

    assert_checks_pass(run, "guestbook")


@pytest.mark.timeout(400)
def test_a_plugin_passes_all_checks(run: Run) -> None:
    """Its tests, ruff, mypy and pyright pass without changes."""
    assert run("actionhero", "new", "--plugin", "warm-greeter").returncode == 0

    assert_checks_pass(run, "warm-greeter")


def test_a_generated_action_can_be_called(run: Run, application: Path) -> None:
    """It needs no registration."""
    run("actionhero", "generate", "action", "entry:create", folder="guestbook")

    process = run("actionhero", "call", "entry:create", "--text", "Hi", folder="guestbook")

    assert (process.returncode, process.stdout) == (0, '{"text":"Hi"}\n'), process.stderr


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [(["new", "guestbook"], ""), (["generate", "action", "greet"], "guestbook")],
    ids=["new", "generate"],
)
def test_existing_files_are_not_overwritten_without_force(
    run: Run, application: Path, arguments: list[str], folder: str
) -> None:
    """The error names the files and --force, and nothing is written."""
    (application / "guestbook" / "actions" / "greet.py").write_text("mine")
    before = files_in(application)

    process = run("actionhero", *arguments, folder=folder)

    assert (process.returncode, process.stdout) == (1, "")
    assert "guestbook/actions/greet.py" in process.stderr
    assert "--force" in process.stderr
    assert files_in(application) == before

    forced = run("actionhero", *arguments, "--force", folder=folder)

    assert forced.returncode == 0, forced.stderr
    assert files_in(application)["guestbook/actions/greet.py"] != "mine"


def test_a_dry_run_lists_the_files_without_writing(run: Run, application: Path) -> None:
    """The paths are the same as without --dry-run."""
    before = files_in(application)

    dry_run = run("actionhero", "generate", "server", "lines", "--dry-run", folder="guestbook")
    assert (dry_run.returncode, files_in(application)) == (0, before)
    assert "nothing was written" in dry_run.stderr

    process = run("actionhero", "generate", "server", "lines", folder="guestbook")
    assert process.stdout == dry_run.stdout


def test_a_folder_does_not_hide_a_module(run: Run, application: Path) -> None:
    """A package with the same name would make the module unreachable."""
    (application / "guestbook" / "middleware.py").write_text("")

    process = run("actionhero", "generate", "middleware", "SignedIn", folder="guestbook")

    assert (process.returncode, process.stdout) == (1, "")
    assert "guestbook/middleware.py exists" in process.stderr


def test_an_unknown_component_is_a_usage_error(run: Run, application: Path) -> None:
    """The error lists the component types."""
    process = run("actionhero", "generate", "bird", "sparrow", folder="guestbook")

    assert process.returncode == 2
    assert "unknown component 'bird'; available: action, middleware" in process.stderr


def test_generate_needs_an_application(run: Run) -> None:
    """The error explains how to create one."""
    process = run("actionhero", "generate", "action", "greet")

    assert process.returncode == 78
    assert "actionhero new NAME" in process.stderr


def test_a_migration_is_written_by_db_make(run: Run, application: Path) -> None:
    """The component type is an alias of `db make`."""
    (application / "guestbook" / "models.py").write_text(MODELS)

    dry_run = run("actionhero", "generate", "migration", "entries", "--dry-run", folder="guestbook")
    assert (dry_run.returncode, dry_run.stderr) == (0, "would run: actionhero db make entries\n")
    assert not (application / "guestbook" / "migrations").exists()
    process = run("actionhero", "generate", "migration", "entries", folder="guestbook")

    assert process.returncode == 0, process.stderr
    assert list((application / "guestbook" / "migrations").glob("0001_*.py"))


def test_a_plugin_can_add_a_component_type(run: Run, application: Path) -> None:
    """The hook `actionhero_generators` returns generators with their own templates."""
    package = application / "guestbook"
    (package / "plugin.py").write_text(OWN_PLUGIN.replace("TYPE", "'hat'"))
    (package / "templates").mkdir()
    (package / "templates" / "hat.txt.jinja").write_text("A {{ title }}.\n")

    process = run("actionhero", "generate", "hat", "top:hat", folder="guestbook")

    assert (process.returncode, process.stdout) == (0, "guestbook/top_hat.txt\n"), process.stderr
    assert "wear top:hat" in process.stderr
    assert (package / "top_hat.txt").read_text() == "A top hat.\n"


def test_two_plugins_with_the_same_component_type_are_an_error(run: Run, application: Path) -> None:
    """The error names both plugins."""
    (application / "guestbook" / "plugin.py").write_text(OWN_PLUGIN.replace("TYPE", "'action'"))

    process = run("actionhero", "generate", "action", "greet", folder="guestbook")

    assert process.returncode == 78
    assert "two plugins generate 'action'" in process.stderr
    assert "actionhero-generate 0.1.0" in process.stderr


def test_help_does_not_import_the_template_engine(run: Run) -> None:
    """The package adds no import time to the list of commands."""
    code = (
        "import sys; from actionhero.cli import main\n"
        "try: main()\nfinally: print('jinja2' in sys.modules, file=sys.stderr)"
    )

    process = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )

    assert "generate" in process.stdout
    assert process.stderr.strip().splitlines()[-1] == "False"
