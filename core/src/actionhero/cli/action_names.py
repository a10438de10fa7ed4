"""`ActionNameCache`: the names of actions for shell completion, without loading the application."""

from __future__ import annotations

import contextlib
import json
import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from actionhero.plugins import VERSION
from actionhero.plugins.entry_points import entry_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from actionhero.settings.sources import Sources

FILE_NAME: Final = "completion.json"
#: How long names are used, as changes in the code of installed plugins are not noticed.
MAX_AGE_SECONDS: Final = 3600.0
#: The folder of `app.data_dir` if no source sets it.
_DEFAULT_FOLDER: Final = ".actionhero"

#: Name and summary of an action.
ActionName = tuple[str, str]


class ActionNameCache:
    """The names of actions in a file of `app.data_dir`, if that folder exists.

    They are used until the settings, the files of the application package, or the versions of
    installed plugins change.

    Args:
        sources: The sources of the settings.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        folder: str | os.PathLike[str] = _DEFAULT_FOLDER
        for setting in sources.values({}):
            if setting.path == ("app", "data_dir"):
                folder = str(setting.value)
        self._path = sources.root / folder / FILE_NAME

    def actions(self, load: Callable[[], Sequence[ActionName]]) -> Sequence[ActionName]:
        """Return name and summary of each action; `load` returns them if they are not stored."""
        fingerprint = self._fingerprint()
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if time.time() - self._path.stat().st_mtime < MAX_AGE_SECONDS:
                stored = json.loads(self._path.read_text(encoding="utf-8"))
                if stored["fingerprint"] == fingerprint:
                    return [(str(name), str(summary)) for name, summary in stored["actions"]]
        actions = list(load())
        text = json.dumps({"fingerprint": fingerprint, "actions": actions})
        draft = self._path.with_name(f"{FILE_NAME}.{os.getpid()}")
        # Without the folder nothing is stored.
        with contextlib.suppress(OSError):
            draft.write_text(text, encoding="utf-8")
            draft.replace(self._path)
        return actions

    def _fingerprint(self) -> str:
        boot = self._sources.boot_settings()
        parts = [VERSION, repr(boot)]
        parts += [f"{item.name} {item.version}" for item in entry_points("actionhero")]
        for path in self._files(boot.package):
            with contextlib.suppress(OSError):
                parts.append(f"{path} {path.stat().st_mtime_ns}")
        return sha256("\n".join(parts).encode()).hexdigest()

    def _files(self, package: str | None) -> Iterator[Path]:
        """Yield the files of the settings and of the application package."""
        yield from (file.path for file in self._sources.files)
        if self._sources.dotenv_path is not None:
            yield self._sources.dotenv_path
        if package is not None:
            for root in (self._sources.root / "src", self._sources.root):
                yield from sorted(root.joinpath(*package.split(".")).rglob("*.py"))
