"""`new` and `generate`, as who types them meets them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]

PARTS = {
    "action": "entry:create",
    "middleware": "SignedIn",
    "initializer": "mailer",
    "server": "lines",
    "channel": "news",
    "task": "nightly",
    "migration": "entries",
}
MODELS = '''"""What is kept."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class Entry(Model):
    """A line of the guest book."""

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
    return [Generator(KIND, "What is worn.", (template,), home="guestbook", note="wear {{ name }}")]
"""


def files_in(folder: Path) -> dict[str, str]:
    """Return all files with what is in them."""
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def assert_good(run: Run, folder: str) -> None:
    """Look at a project with all the tools that its own settings name."""
    for module, *arguments in (
        ("pytest", "-q", "-p", "no:cacheprovider"),
        ("ruff", "check", "--no-cache"),
        ("ruff", "check", "--no-cache", "--isolated"),
        ("ruff", "format", "--check", "--no-cache"),
        ("mypy",),
        ("basedpyright", "--level", "error", "--pythonpath", sys.executable),
    ):
        ended = run(module, *arguments, folder=folder)
        assert ended.returncode == 0, f"{module} {arguments}\n{ended.stdout}{ended.stderr}"


@pytest.mark.timeout(400)
def test_an_application_with_a_part_of_every_kind_passes_all_checks_unchanged(
    run: Run, application: Path
) -> None:
    """Its own tests, ruff, mypy and pyright find nothing, however many parts were added."""
    (application / "guestbook" / "models.py").write_text(MODELS)
    for kind, name in PARTS.items():
        written = run("actionhero", "generate", kind, name, folder="guestbook")
        assert written.returncode == 0, written.stderr
        assert written.stdout.split()
        for path in written.stdout.split():
            assert (application / path).is_file()

    assert_good(run, "guestbook")


@pytest.mark.timeout(400)
def test_a_plugin_passes_all_checks_unchanged(run: Run) -> None:
    """What is published has been tested, and is typed."""
    assert run("actionhero", "new", "--plugin", "warm-greeter").returncode == 0

    assert_good(run, "warm-greeter")


def test_an_action_that_was_generated_is_called_by_its_name(run: Run, application: Path) -> None:
    """Nothing has to be listed anywhere."""
    run("actionhero", "generate", "action", "entry:create", folder="guestbook")

    called = run("actionhero", "call", "entry:create", "--text", "Hi", folder="guestbook")

    assert (called.returncode, called.stdout) == (0, '{"text":"Hi"}\n'), called.stderr


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [(["new", "guestbook"], ""), (["generate", "action", "greet"], "guestbook")],
    ids=["new", "generate"],
)
def test_a_file_that_is_there_is_not_overwritten_silently(
    run: Run, application: Path, arguments: list[str], folder: str
) -> None:
    """The files are named, nothing at all is written, and --force is offered."""
    (application / "guestbook" / "actions" / "greet.py").write_text("mine")
    before = files_in(application)

    refused = run("actionhero", *arguments, folder=folder)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "guestbook/actions/greet.py" in refused.stderr
    assert "--force" in refused.stderr
    assert files_in(application) == before

    forced = run("actionhero", *arguments, "--force", folder=folder)

    assert forced.returncode == 0, forced.stderr
    assert files_in(application)["guestbook/actions/greet.py"] != "mine"


def test_a_dry_run_tells_the_same_files_and_writes_none(run: Run, application: Path) -> None:
    """What would be there is known before it is."""
    before = files_in(application)

    dry = run("actionhero", "generate", "server", "lines", "--dry-run", folder="guestbook")
    assert (dry.returncode, files_in(application)) == (0, before)
    assert "nothing was written" in dry.stderr

    wet = run("actionhero", "generate", "server", "lines", folder="guestbook")
    assert wet.stdout == dry.stdout


def test_a_module_is_not_hidden_by_a_folder_of_its_name(run: Run, application: Path) -> None:
    """Who has all middleware in one module is told, before that module cannot be imported."""
    (application / "guestbook" / "middleware.py").write_text("")

    refused = run("actionhero", "generate", "middleware", "SignedIn", folder="guestbook")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "guestbook/middleware.py is there" in refused.stderr


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(
    run: Run, application: Path
) -> None:
    """A slip of the finger is wrong usage, and the list is at hand."""
    refused = run("actionhero", "generate", "bird", "sparrow", folder="guestbook")

    assert refused.returncode == 2
    assert "there is no kind 'bird'; there are: action, middleware" in refused.stderr


def test_without_an_application_there_is_nothing_to_add_to(run: Run) -> None:
    """In any other folder, what to do is told."""
    refused = run("actionhero", "generate", "action", "greet")

    assert refused.returncode == 78
    assert "actionhero new NAME" in refused.stderr


def test_a_migration_is_written_by_the_database(run: Run, application: Path) -> None:
    """The kind is a name for `db make`, which knows the tables."""
    (application / "guestbook" / "models.py").write_text(MODELS)

    dry = run("actionhero", "generate", "migration", "entries", "--dry-run", folder="guestbook")
    assert (dry.returncode, dry.stderr) == (0, "would run: actionhero db make entries\n")
    assert not (application / "guestbook" / "migrations").exists()
    written = run("actionhero", "generate", "migration", "entries", folder="guestbook")

    assert written.returncode == 0, written.stderr
    assert list((application / "guestbook" / "migrations").glob("0001_*.py"))


def test_a_plugin_adds_a_kind_of_its_own(run: Run, application: Path) -> None:
    """The hook `actionhero_generators` gives kinds, with templates from the plugin's wheel."""
    package = application / "guestbook"
    (package / "plugin.py").write_text(OWN_PLUGIN.replace("KIND", "'hat'"))
    (package / "templates").mkdir()
    (package / "templates" / "hat.txt.jinja").write_text("A {{ title }}.\n")

    written = run("actionhero", "generate", "hat", "top:hat", folder="guestbook")

    assert (written.returncode, written.stdout) == (0, "guestbook/top_hat.txt\n"), written.stderr
    assert "wear top:hat" in written.stderr
    assert (package / "top_hat.txt").read_text() == "A top hat.\n"


def test_two_plugins_do_not_have_one_kind(run: Run, application: Path) -> None:
    """Both are named, and what to do."""
    (application / "guestbook" / "plugin.py").write_text(OWN_PLUGIN.replace("KIND", "'action'"))

    refused = run("actionhero", "generate", "action", "greet", folder="guestbook")

    assert refused.returncode == 78
    assert "two plugins generate 'action'" in refused.stderr
    assert "actionhero-generate 0.1.0" in refused.stderr


def test_help_does_not_wait_for_the_template_engine(run: Run) -> None:
    """The list of commands costs what it did without this package."""
    code = (
        "import sys; from actionhero.cli import main\n"
        "try: main()\nfinally: print('jinja2' in sys.modules, file=sys.stderr)"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )

    assert "generate" in ended.stdout
    assert ended.stderr.strip().splitlines()[-1] == "False"
