"""`PageFiles`: the scripts, styles and pictures of a page of operators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from actionhero_web.files.static import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIT: Final = Path(__file__).parent / "kit"
_METHODS: Final = ("GET", "HEAD")


class PageFiles:
    """The files of the page itself, of `kit/`, and of `panels/NAME/`.

    Args:
        assets: The folder of the files of the page.
        panels: The folders of the panels, by name.
    """

    def __init__(self, assets: Path, panels: Mapping[str, Path]) -> None:
        folders = {"": assets, "kit/": _KIT}
        folders |= {f"panels/{name}/": folder for name, folder in panels.items()}
        self._files = {
            prefix: StaticFiles(folder, max_age_seconds=0) for prefix, folder in folders.items()
        }

    async def respond(self, request: web.Request, path: str) -> web.StreamResponse:
        """Return the file of a decoded path below the page.

        Raises:
            HTTPNotFound: There is none.
            HTTPMethodNotAllowed: The method is neither `GET` nor `HEAD`.
        """
        prefix = max((each for each in self._files if path.startswith(each)), key=len)
        files, name = self._files[prefix], path.removeprefix(prefix)
        # The path is decoded already, which decides who may see it. Below the page itself there
        # are no folders: those of panels may be in its folder.
        is_file = bool(name) and (bool(prefix) or "/" not in name)
        file = await files.find(f"/{quote(name)}") if is_file else None
        if file is None:
            raise web.HTTPNotFound
        if request.method not in _METHODS:
            raise web.HTTPMethodNotAllowed(request.method, _METHODS)
        return await files.respond(request, file)


def panel_of(path: str) -> str | None:
    """Return the name of the panel whose file has a path; `None`: it is that of the page."""
    folder, _, rest = path.partition("/")
    return rest.partition("/")[0] if folder == "panels" else None
