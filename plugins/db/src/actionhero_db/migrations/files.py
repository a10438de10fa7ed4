"""Migration files: written for the changes of models, if tables with rows can be migrated."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tortoise.fields.relational import ManyToManyFieldInstance
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.operations import AddField
from tortoise.migrations.writer import format_migration_name, migrations_module_path

from actionhero_db.migrations.errors import MigrationRefused

if TYPE_CHECKING:
    from tortoise.migrations.operations import Operation
    from tortoise.migrations.writer import MigrationWriter

    from actionhero_db.migrations.session import Session

_NUMBER = re.compile(r"^(\d{4})_")
#: Precedes the code of Tortoise, which follows no style guide.
_HEADER = (
    "# Written by 'actionhero db make'; change it if it has to do more.\n# ruff: noqa\n# fmt: off\n"
)


async def changes_of(session: Session, label: str) -> MigrationWriter | None:
    """Return a writer with the changes of the models of `label`; `None` without changes."""
    if session.context.apps is None:
        return None
    detector = MigrationAutodetector(session.context.apps, session.apps)
    return next((item for item in await detector.changes() if item.app_label == label), None)


async def write_migration(session: Session, label: str, name: str) -> Path | None:
    """Write a migration for the changes of the models, and return its path.

    Raises:
        MigrationRefused: It would fail on tables with rows, or there is no package for it.
    """
    config = session.apps[label]
    is_new = "migrations" not in config
    folder = migrations_folder(config, create=True)
    if is_new:
        await session.load_files()
    writer = await changes_of(session, label)
    if writer is None:
        return None
    refuse_unfillable(label, writer.operations)
    numbers = [int(match[1]) for path in folder.glob("*.py") if (match := _NUMBER.match(path.name))]
    writer.name = format_migration_name(max(numbers, default=0) + 1, name)
    path = writer.write()
    path.write_text(_HEADER + path.read_text("utf-8"), encoding="utf-8")
    importlib.invalidate_caches()
    return path


def refuse_unfillable(label: str, operations: list[Operation]) -> None:
    """Refuse new columns that must not be null, and have no value for existing rows.

    Raises:
        MigrationRefused: There is such a column.
    """
    for operation in operations:
        if not isinstance(operation, AddField):
            continue
        field: Any = operation.field
        if isinstance(field, ManyToManyFieldInstance) or field.null or field.pk:
            continue
        if not field.has_db_default():
            place = f"{label}.{operation.model_name}.{operation.name}"
            raise MigrationRefused(
                f"the new field {place} must not be null and has no db_default, so existing rows "
                "would have no value; give it db_default=…, with which the database fills them "
                "(default=… is known to Python only), or null=True"
            )


def migrations_folder(config: dict[str, Any], *, create: bool = False) -> Path:
    """Return the folder with the migrations of a label.

    Args:
        config: Its part of Tortoise's configuration. A new package is added to it.
        create: Whether to create a missing package, to write a file into it.

    Raises:
        MigrationRefused: The folder must not be written to.
    """
    if "migrations" not in config and create:
        config["migrations"] = _create_package(config["models"][0])
    folder = migrations_module_path(config["migrations"])
    if create:
        _refuse_installed(folder)
    return folder


def _create_package(models: str) -> str:
    """Create the package `migrations` next to a module of models, and return its name."""
    parent = models.rpartition(".")[0]
    while parent.rpartition(".")[2] == "models":
        parent = parent.rpartition(".")[0]
    if not parent:
        raise MigrationRefused(
            f"the models of module {models!r} are in no package, so there is no place for their "
            "migrations; move the module into a package"
        )
    folder = Path(next(iter(sys.modules[parent].__path__))) / "migrations"
    _refuse_installed(folder)
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    importlib.invalidate_caches()
    return f"{parent}.migrations"


def _refuse_installed(folder: Path) -> None:
    if {"site-packages", "dist-packages"} & set(folder.parts):
        raise MigrationRefused(
            f"the migration would be written to {folder}, which the next installation replaces; "
            "make it in the source folder of the package"
        )
