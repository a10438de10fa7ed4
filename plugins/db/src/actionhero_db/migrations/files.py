"""The files of migrations: their packages, and their import."""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tortoise.migrations.writer import format_migration_name, migrations_module_path

from actionhero import PluginError
from actionhero_db.migrations.errors import MigrationRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NUMBER = re.compile(r"^(\d{4})_")
#: The key of the name of a package that is declared, and does not exist.
_MISSING = "missing_migrations"


def import_files(apps: Mapping[str, dict[str, Any]]) -> None:
    """Import every migration.

    Args:
        apps: The section `apps` of Tortoise's configuration.

    Raises:
        PluginError: One cannot be imported; the message names its file.
    """
    for _, package, file in _files(apps):
        try:
            importlib.import_module(f"{package}.{file.stem}")
        except Exception as error:
            raise PluginError(
                f"the migration {file} cannot be loaded: {type(error).__name__}: {error}; fix "
                "the file, or remove it if it was not applied to any database"
            ) from error


def names_of_files(apps: Mapping[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the label and the name of every migration, whose file is not imported."""
    return [(label, file.stem) for label, _, file in _files(apps)]


def _files(apps: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str, Path]]:
    """Yield the label, the package and the path of every migration."""
    for label, config in apps.items():
        package = config.get("migrations")
        if package is not None:
            for file in sorted(_package_folder(package).glob("*.py")):
                if file.stem[0] not in "_~":
                    yield label, package, file


def _package_folder(package: str) -> Path:
    try:
        return migrations_module_path(package)
    except Exception as error:
        raise PluginError(
            f"the package of migrations {package!r} cannot be loaded: {type(error).__name__}: "
            f"{error}"
        ) from error


def remove_missing_packages(apps: Mapping[str, dict[str, Any]]) -> None:
    """Treat labels as without migrations whose declared package does not exist yet."""
    for config in apps.values():
        package = config.get("migrations")
        if package is not None and not _exists(package):
            config[_MISSING] = config.pop("migrations")


def _exists(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def migrations_folder(config: dict[str, Any], *, create: bool = False) -> Path:
    """Return the folder with the migrations of a label.

    Args:
        config: The label's part of Tortoise's configuration; a new package is added to it.
        create: Whether to create a missing package.

    Raises:
        MigrationRefused: The folder belongs to an installed package, or there is none.
    """
    if "migrations" not in config and create:
        config["migrations"] = _create_package(config)
    folder = migrations_module_path(config["migrations"])
    if create:
        _reject_installed_package(folder)
    return folder


def check_folder(config: dict[str, Any]) -> None:
    """Raise if no migration can be written for a label.

    Raises:
        MigrationRefused: The folder would belong to an installed package, or to no package.
    """
    if "migrations" in config:
        _reject_installed_package(migrations_module_path(config["migrations"]))
    else:
        _reject_installed_package(_new_folder(config)[1])


def write_file(config: dict[str, Any], name: str, text: str) -> Path:
    """Write a migration, and return its path. A missing package is created."""
    path = migrations_folder(config, create=True) / f"{name}.py"
    # Another process may have written one with this number since the files were read.
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    importlib.invalidate_caches()
    return path


def next_name(config: dict[str, Any], name: str) -> str:
    """Return a name with the number that follows that of the newest migration."""
    paths: list[Path] = []
    if "migrations" in config:
        paths = list(migrations_module_path(config["migrations"]).glob("*.py"))
    numbers = [int(match[1]) for path in paths if (match := _NUMBER.match(path.name))]
    return format_migration_name(max(numbers, default=0) + 1, name)


def _new_folder(config: dict[str, Any]) -> tuple[str, Path]:
    """Return the name and the folder of the package that is still to be created."""
    declared = config.get(_MISSING)
    if declared is not None:
        parent = declared.rpartition(".")[0]
    else:
        models = config["models"][0]
        parent = models.rpartition(".")[0]
        while parent.rpartition(".")[2] == "models":
            parent = parent.rpartition(".")[0]
        if not parent:
            raise MigrationRefused(
                f"the models of module {models!r} are not in a package, so their migrations "
                "cannot be stored; move the module into a package"
            )
    name = declared or f"{parent}.migrations"
    paths = list(_parent_paths(parent))
    if not paths:
        raise MigrationRefused(
            f"the migrations of {config['models'][0]!r} are declared as {name!r}, and there is no "
            f"package {parent!r} in which to create them; correct the name in actionhero_db_models"
        )
    return name, Path(paths[0]) / name.rpartition(".")[2]


def _parent_paths(parent: str) -> list[str]:
    if not parent:
        return []
    try:
        module = sys.modules.get(parent) or importlib.import_module(parent)
    except ModuleNotFoundError:
        return []
    return list(getattr(module, "__path__", []))


def _create_package(config: dict[str, Any]) -> str:
    """Create the package of the migrations, and return its name."""
    name, folder = _new_folder(config)
    _reject_installed_package(folder)
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    config.pop(_MISSING, None)
    importlib.invalidate_caches()
    return name


def _reject_installed_package(folder: Path) -> None:
    if {"site-packages", "dist-packages"} & set(folder.parts):
        raise MigrationRefused(
            f"the migration would be written to {folder}, which the next installation replaces; "
            "run the command in the source folder of the package"
        )
