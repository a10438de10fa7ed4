"""Files of migrations: written for what has changed, unless no table with rows could take it."""

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

from actionhero_db.migrations.engine import MigrationRefused

if TYPE_CHECKING:
    from tortoise.migrations.operations import Operation
    from tortoise.migrations.writer import MigrationWriter

    from actionhero_db.migrations.session import Session

_NUMBER = re.compile(r"^(\d{4})_")
#: What stands above the lines that Tortoise writes: they are nobody's style.
_ABOVE = (
    "# Written by 'actionhero db make'; change it if it has to do more.\n# ruff: noqa\n# fmt: off\n"
)


async def changes_in(session: Session, label: str) -> MigrationWriter | None:
    """Return what would be written for the models of `label`; `None` if nothing has changed."""
    if session.context.apps is None:
        return None
    detector = MigrationAutodetector(session.context.apps, session.apps)
    return next((item for item in await detector.changes() if item.app_label == label), None)


async def write_migration(session: Session, label: str, name: str) -> Path | None:
    """Write a migration for what has changed, and return its path.

    Raises:
        MigrationRefused: Rows that are there could not take it, or there is no place for it.
    """
    config = session.apps[label]
    is_new = "migrations" not in config
    folder = migrations_folder(config, make=True)
    if is_new:
        await session.read_files()
    writer = await changes_in(session, label)
    if writer is None:
        return None
    refuse_unfillable(label, writer.operations)
    numbers = [int(found[1]) for path in folder.glob("*.py") if (found := _NUMBER.match(path.name))]
    writer.name = format_migration_name(max(numbers, default=0) + 1, name)
    path = writer.write()
    path.write_text(_ABOVE + path.read_text("utf-8"), encoding="utf-8")
    importlib.invalidate_caches()
    return path


def refuse_unfillable(label: str, operations: list[Operation]) -> None:
    """Refuse a column that must not be empty, and for which rows that are there have no value.

    Raises:
        MigrationRefused: There is one.
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
                f"the new field {place} must not be null and has no db_default, so rows that are "
                "there could not be kept; give it db_default=…, which the database fills them "
                "with (default=… is only known to Python), or null=True"
            )


def migrations_folder(config: dict[str, Any], *, make: bool = False) -> Path:
    """Return the folder of the migrations of a label.

    Args:
        config: Its part of Tortoise's configuration. A package that is made is written into it.
        make: Whether something is to be written there.

    Raises:
        MigrationRefused: It is no place to write to.
    """
    if "migrations" not in config and make:
        config["migrations"] = _make_package(config["models"][0])
    folder = migrations_module_path(config["migrations"])
    if make:
        _refuse_installed(folder)
    return folder


def _make_package(models: str) -> str:
    """Make the package `migrations` beside a module of models, and return its name."""
    parent = models.rpartition(".")[0]
    while parent.rpartition(".")[2] == "models":
        parent = parent.rpartition(".")[0]
    if not parent:
        raise MigrationRefused(
            f"the models of module {models!r} are in no package, so there is no place for their "
            "migrations; move it into one"
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
            f"the migrations would be written to {folder}, which the next installation replaces; "
            "make them where the package is developed"
        )
