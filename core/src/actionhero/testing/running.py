"""An application that runs for as long as a block of a test."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from actionhero.action import Action
from actionhero.app import App
from actionhero.application import RunMode
from actionhero.initializer import Initializer
from actionhero.middleware import Middleware
from actionhero.plugins.hookspecs import hookimpl
from actionhero.settings.sources import read_sources
from actionhero.testing.caller import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping

    from actionhero.settings import Settings

Resource = TypeVar("Resource")


class RunningApp:
    """What a test has in hand.

    Args:
        app: The application, which runs.
    """

    def __init__(self, app: App) -> None:
        #: The application itself.
        self.app = app

    def connect(self, remote: str | None = None) -> Caller:
        """Return somebody new, with a connection and a session of their own."""
        return Caller(self.app, remote)

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action once, as somebody new, and return its value.

        Raises:
            TypedError: The action failed.
        """
        return await self.connect().call(action, **inputs)

    def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Any]:
        """Call an action that streams, as somebody new; see `Caller.stream`."""
        return self.connect().stream(action, **inputs)

    def get(self, type_: type[Resource]) -> Resource:
        """Return settings, or what an initializer provides, by type."""
        return self.app.get(type_)


@contextlib.asynccontextmanager
async def running_app(
    *plugins: Any,
    settings: Iterable[Settings] = (),
    mode: RunMode = RunMode.CLI,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> AsyncIterator[RunningApp]:
    """Run an application with the plugins given and no others; nothing is looked for.

    Args:
        plugins: Modules or objects with hooks. An action or an initializer class, or an instance
            of middleware, may stand here by itself.
        settings: Sections, as instances; what is not given has its default.
        mode: What the process is for. In `RunMode.SERVER` the plugins' servers open: give them a
            port of 0.
        environ: Environment variables to read settings from; none where left out.
        folder: Where a settings file may lie; an empty folder that is removed afterwards where
            left out.

    Raises:
        BootError: The application cannot be put together, or does not start.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="actionhero-")))
        variables = {"ACTIONHERO_ENV": "test", **(environ or {})}
        app = App.of(
            [item for item in plugins if not _is_part(item)] + _gathered(plugins),
            read_sources(folder, environ=variables),
            mode,
            settings,
        )
        await app.start()
        try:
            yield RunningApp(app)
        finally:
            await app.stop()


def _is_part(item: Any) -> bool:
    if isinstance(item, type):
        return issubclass(item, Action | Initializer)
    return isinstance(item, Middleware)


def _gathered(plugins: Iterable[Any]) -> list[Any]:
    """Return one plugin with all the parts that stand by themselves."""
    parts = [item for item in plugins if _is_part(item)]
    if not parts:
        return []

    class Parts:
        @hookimpl
        def actionhero_actions(self) -> list[type[Action]]:
            return [p for p in parts if isinstance(p, type) and issubclass(p, Action)]

        @hookimpl
        def actionhero_initializers(self) -> list[Initializer]:
            return [p() for p in parts if isinstance(p, type) and issubclass(p, Initializer)]

        @hookimpl
        def actionhero_middleware(self) -> list[Middleware]:
            return [p for p in parts if isinstance(p, Middleware)]

    return [Parts()]
