"""Files of migrations that are broken, missing, or of a newer release."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ConfigurationError, PluginError, hookimpl
from actionhero.testing import running_app
from actionhero_db import Models, plugin
from actionhero_db.migrations.engine import MigrationState
from actionhero_db.migrations.errors import MigrationRefused
from actionhero_db.migrations.files import write_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MODELS = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)
"""
MORE = MODELS + "    stars = fields.IntField(db_default=0)\n"
COMMANDS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "status": lambda engine: engine.states(),
    "pending": lambda engine: engine.pending(),
    "make": lambda engine: engine.make("notes", "change"),
    "migrate": lambda engine: engine.migrate(None, None, lambda _: None),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("from notes_gone import Color\n", "ModuleNotFoundError: No module named 'notes_gone'"),
        (
            "class Migration:\n    x = None.y\n",
            "AttributeError: 'NoneType' object has no attribute",
        ),
        ("def broken(:\n", "SyntaxError: "),
    ],
    ids=["a removed module", "an error while it runs", "invalid syntax"],
)
async def test_a_file_that_cannot_be_loaded_is_named(
    sqlite_notebook: Any, command: str, text: str, fault: str
) -> None:
    """By every command, without a traceback."""
    notebook = sqlite_notebook
    await notebook.make(MODELS, "initial")
    path = notebook.migrations / "0002_broken.py"
    path.write_text(text, encoding="utf-8")
    importlib.invalidate_caches()

    with pytest.raises(PluginError) as raised:
        await COMMANDS[command](notebook.engine())

    assert str(raised.value).startswith(f"the migration {path} cannot be loaded: {fault}")
    assert str(raised.value).endswith(
        "; fix the file, or remove it if it was not applied to any database"
    )


@pytest.mark.parametrize("command", ["make", "migrate"])
@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (
            "ops.RemoveField('Note', 'stars')",
            "'Remove field stars from Note': Field stars is not present on model notes.Note",
        ),
        (
            "ops.RenameModel('Nothing', 'Other')",
            "'Rename model Nothing to Other': there is no model Nothing",
        ),
        (
            "ops.AddField('Note', 'other', fields.ForeignKeyField('notes.Note', "
            "related_name='text'))",
            "'Add field other to Note': backward relation \"text\" duplicates in model Note",
        ),
    ],
    ids=["a missing field", "a missing model", "a duplicate relation"],
)
async def test_a_file_that_does_not_fit_is_named(
    sqlite_notebook: Any, command: str, operation: str, fault: str
) -> None:
    """A merge of two branches can result in one."""
    notebook = sqlite_notebook
    await notebook.make(MODELS, "initial")
    notebook.write_migration("0002_broken", operation)

    with pytest.raises(PluginError) as raised:
        await COMMANDS[command](notebook.engine())

    path = notebook.migrations / "0002_broken.py"
    assert str(raised.value) == (
        "migration notes.0002_broken does not fit the migrations before it, at "
        f"{fault}; fix or remove the file {path}"
    )


async def test_a_declared_package_is_created(notebook: Any, importable: Path) -> None:
    """Before that, the tables are those of the models, and a later migration adopts them."""
    package = importable / f"{notebook.name}_plugin"
    package.mkdir()
    (package / "__init__.py").touch()
    notebook.write(MODELS)
    declared = f"{package.name}.migrations"
    notebook.models = Models(notebook.label, notebook.models.modules, declared)

    created = await notebook.migrate()
    pending = await notebook.engine().pending()
    path = await notebook.engine().make("notes", "initial")
    adopted = await notebook.migrate()

    assert created == ["created the table 'note' from its model, without a migration"]
    assert pending == []
    assert path == package / "migrations" / "0001_initial.py"
    assert (package / "migrations" / "__init__.py").exists()
    assert adopted == ["notes.0001_initial: tables already exist"]


async def test_no_file_is_replaced(sqlite_notebook: Any) -> None:
    """Another process has written one with the same number and name."""
    notebook = sqlite_notebook
    await notebook.make(MODELS, "initial")
    config = {"migrations": notebook.models.migrations}

    with pytest.raises(FileExistsError, match=r"0001_initial\.py"):
        write_file(config, "0001_initial", "")

    assert await notebook.migrate() == ["notes.0001_initial: done"]


async def test_a_declared_package_without_a_parent_is_refused(sqlite_notebook: Any) -> None:
    """The name is misspelled."""
    notebook = sqlite_notebook
    notebook.write(MODELS)
    modules = notebook.models.modules
    notebook.models = Models(notebook.label, modules, "nowhere.migrations")

    with pytest.raises(MigrationRefused) as raised:
        await notebook.engine().make("notes", "initial")

    assert str(raised.value) == (
        f"the migrations of {modules[0]!r} are declared as 'nowhere.migrations', and there is no "
        "package 'nowhere' in which to create them; correct the name in actionhero_db_models"
    )


async def test_a_refused_first_migration_creates_no_package(
    sqlite_notebook: Any, importable: Path
) -> None:
    """Its folder appears with its first file."""
    notebook = sqlite_notebook
    package = importable / f"{notebook.name}_plugin"
    package.mkdir()
    (package / "__init__.py").touch()
    other = importable / f"{notebook.name}_other.py"
    other.write_text(
        "from tortoise import fields\nfrom tortoise.models import Model\n\n\n"
        "class Other(Model):\n    id = fields.IntField(primary_key=True)\n",
        encoding="utf-8",
    )
    notebook.write(f"{MODELS}    other = fields.ForeignKeyField('others.Other')\n")
    declared = f"{package.name}.migrations"
    notebook.models = Models(notebook.label, notebook.models.modules, declared)
    notebook.add_models(Models("others", [other.stem]))

    with pytest.raises(MigrationRefused) as raised:
        await notebook.engine().make("notes", "initial")

    assert str(raised.value) == (
        "notes.Note.other refers to a model of 'others', which has no migrations; run first: "
        "actionhero db make --label others initial"
    )
    assert not (package / "migrations").exists()


class Notes:
    """A plugin with models."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [self._models]


async def apply_newer(notebook: Any) -> None:
    """Apply two migrations, and remove the file of the second, as in an older release."""
    await notebook.make(MODELS, "initial")
    await notebook.make(MORE, "stars")
    await notebook.migrate()
    (notebook.migrations / "0002_stars.py").unlink()
    importlib.invalidate_caches()
    notebook.write(MODELS)


async def test_migrations_of_a_newer_release_are_listed(notebook: Any) -> None:
    """They have no file, and are applied."""
    await apply_newer(notebook)

    assert await notebook.engine().states() == [
        MigrationState("notes", "0001_initial", applied=True),
        MigrationState("notes", "0002_stars", applied=True, known=False),
    ]
    assert await notebook.engine().pending() == []
    assert await notebook.migrate() == []


async def test_migrations_below_those_of_a_newer_release_are_not_undone(notebook: Any) -> None:
    """The tables are not what the older files expect."""
    await apply_newer(notebook)

    with pytest.raises(ConfigurationError) as raised:
        await notebook.rollback()

    assert str(raised.value) == (
        "migration notes.0002_stars is applied, and this release has no file for it; run the "
        "rollback with the release that has it"
    )


async def test_an_older_release_starts_with_a_warning(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """During a deployment, both releases serve."""
    await apply_newer(notebook)

    with caplog.at_level(logging.WARNING, "actionhero.db"):
        async with running_app(
            plugin, Notes(notebook.models), environ={"DATABASE_URL": notebook.url}
        ):
            pass

    assert [record.message for record in caplog.records if record.name == "actionhero.db"] == [
        "migration notes.0002_stars is applied, and this release has no file for it: the tables "
        "are those of a newer release"
    ]
