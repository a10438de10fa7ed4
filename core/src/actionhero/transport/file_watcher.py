"""`watch_files`: watches the code and the settings of an application, to restart on changes.

This module needs watchfiles, which the extras `reload` of the packages with servers install.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchfiles import DefaultFilter, PythonFilter, awatch

from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero.application import Application

logger = logging.getLogger("actionhero.reload")

_SETTINGS_FILE = re.compile(r"actionhero(\.\w+)?\.(toml|yaml|yml|json)|pyproject\.toml|\.env")


async def watch_files(app: Application, on_change: Callable[[], object]) -> None:
    """Log each change of the application's package or settings files, until cancelled.

    Args:
        app: The application, which may have load errors.
        on_change: Called after each change, before the next one is detected.
    """
    # It logs the number of changes; we log their paths.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    root = app.sources.root
    package = app.get(AppSettings).package
    folders = package_folders(package, root) if package is not None else []
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(root, SettingsFilter(root), on_change, recursive=False))
        for folder in folders:
            group.create_task(_watch(folder, PythonFilter(), on_change, recursive=True))


async def _watch(
    folder: Path, watch_filter: DefaultFilter, on_change: Callable[[], object], *, recursive: bool
) -> None:
    async for changes in awatch(folder, watch_filter=watch_filter, recursive=recursive):
        names = ", ".join(sorted({path for _, path in changes}))
        logger.info("restarting: %s changed", names)
        on_change()


class SettingsFilter(DefaultFilter):
    """Selects the settings files of a folder.

    Args:
        folder: The folder of the settings files.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.resolve()

    def __call__(self, change: Any, path: str) -> bool:
        """Return whether a changed file is a settings file."""
        file = Path(path)
        is_in_folder = file.parent.resolve() == self._folder
        return is_in_folder and _SETTINGS_FILE.fullmatch(file.name) is not None


def package_folders(package: str, root: Path) -> list[Path]:
    """Return the folders of a package, even if it cannot be imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders and spec is not None and spec.origin is not None:
        folders = [str(Path(spec.origin).parent)]
    # A missing package may be created later.
    return [Path(folder) for folder in folders if Path(folder).is_dir()] or [root]
