"""Tracebacks for people: the frames of libraries are folded, those of the application are not."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionhero.errors import TypedError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The folders of installed packages, also within the folder of the application.
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages", "node_modules"})


def short_traceback(error: BaseException, root: Path) -> str:
    """Return the traceback of an error with one line for each run of frames of libraries.

    The last frame, which raised the error, is shown, unless the error is a `TypedError`, whose
    message is sufficient. Without a frame of the application the traceback is complete.

    Args:
        error: The error. Its causes and contexts, and the members of groups, are folded too.
        root: The folder of the application: its files outside of installed packages are the
            author's. Their paths are relative to the current folder.
    """
    summary = traceback.TracebackException.from_exception(error)
    parts = list(_parts(summary, set()))
    if any(is_own_file(frame.filename, root) for part in parts for frame in part.stack):
        for part in parts:
            is_typed = part is summary and isinstance(error, TypedError)
            part.stack = _FoldedStack.of(part.stack, root, shows_last=not is_typed)
    return "".join(summary.format())


def is_own_file(filename: str, root: Path) -> bool:
    """Return whether a file of a stack is the author's, not that of a library."""
    if filename.startswith("<"):
        # The code of a shell; but not the frozen modules of Python.
        return not filename.startswith("<frozen")
    path = Path(filename)
    return path.is_relative_to(root) and not _PACKAGE_FOLDERS.intersection(path.parts)


def _parts(
    summary: traceback.TracebackException | None, seen: set[int]
) -> Iterable[traceback.TracebackException]:
    """Yield an error, its causes and contexts, and the members of groups."""
    if summary is None or id(summary) in seen:
        return
    seen.add(id(summary))
    yield summary
    for other in (summary.__cause__, summary.__context__, *(summary.exceptions or ())):
        yield from _parts(other, seen)


class _FoldedStack(traceback.StackSummary):
    """A stack that is formatted with one line for each run of frames of libraries."""

    root: Path
    shows_last: bool

    @classmethod
    def of(cls, stack: traceback.StackSummary, root: Path, *, shows_last: bool) -> _FoldedStack:
        """Return a stack; `shows_last` is whether its last frame is never folded."""
        folded = cls(stack)
        folded.root, folded.shows_last = root, shows_last
        return folded

    def format(self, **options: Any) -> list[str]:
        lines: list[str] = []
        run: list[traceback.FrameSummary] = []
        for number, frame in enumerate(self, start=1):
            is_shown = number == len(self) and self.shows_last
            if not is_shown and not is_own_file(frame.filename, self.root):
                run.append(frame)
                continue
            lines += _folded(run)
            run.clear()
            lines.append(self.format_frame_summary(_relative(frame), **options))
        return lines + _folded(run)


def _folded(run: list[traceback.FrameSummary]) -> list[str]:
    if not run:
        return []
    names = ", ".join(dict.fromkeys(_package(frame.filename) for frame in run))
    frames = "1 frame" if len(run) == 1 else f"{len(run)} frames"
    return [f"  … {frames} in {names}\n"]


def _package(filename: str) -> str:
    """Return the name of the package of a file of a library."""
    parts = Path(filename).parts
    for number in range(len(parts) - 1, 0, -1):
        if parts[number - 1] in _PACKAGE_FOLDERS or parts[number - 1] == "src":
            return parts[number].removesuffix(".py")
    return "Python"


def _relative(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    """Return a frame whose path is relative to the current folder, if it is in it."""
    try:
        name = str(Path(frame.filename).relative_to(Path.cwd()))
    except ValueError:
        return frame
    return traceback.FrameSummary(
        name, frame.lineno, frame.name, lookup_line=False, line=frame.line or ""
    )
