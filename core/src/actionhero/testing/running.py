"""An application that runs during a block of a test, and free ports for its servers."""

from __future__ import annotations

import contextlib
import secrets
import socket
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
from actionhero.testing.typed_calls import TypedCalls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence

    from actionhero.identity.principal import Principal
    from actionhero.settings import Settings

Resource = TypeVar("Resource")

#: The file with the first and the last ephemeral port of Linux:
#: https://docs.kernel.org/networking/ip-sysctl.html, `ip_local_port_range`.
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: The first ephemeral port without that file: the default of Linux. Other systems start at 49152,
#: as in RFC 6335.
FIRST_EPHEMERAL = 32_768
#: Lower ports are used by the services of a machine.
FIRST = 10_000
LAST = 65_535


class RunningApp(TypedCalls):
    """A running application in a test. Each `call` is one of a new client.

    Args:
        app: The started application.
    """

    def __init__(self, app: App) -> None:
        #: The application itself.
        self.app = app

    def connect(
        self,
        remote: str | None = None,
        *,
        principal: Principal | None = None,
        idempotency_key: str | None = None,
    ) -> Caller:
        """Return a new client with its own connection and session.

        Args:
            remote: The address of the client.
            principal: The caller, as `Principal("ada", scopes=frozenset({"messages:write"}))`.
            idempotency_key: The idempotency key of its calls.
        """
        return Caller(self.app, remote, principal=principal, idempotency_key=idempotency_key)

    async def _call(self, action: str | type, inputs: dict[str, Any]) -> Any:
        return await self.connect()._call(action, inputs)

    async def _call_class(self, action: type, inputs: Any) -> Any:
        return await self.connect().run(action, inputs)

    def stream(self, action: str, /, **inputs: Any) -> AsyncGenerator[Any]:
        """Call an action that streams, as a new client; see `Caller.stream`."""
        return self.connect().stream(action, **inputs)

    def get(self, type_: type[Resource]) -> Resource:
        """Return settings or a resource by type."""
        return self.app.get(type_)


@contextlib.asynccontextmanager
async def running_app(
    *plugins: Any,
    settings: Iterable[Settings] = (),
    mode: RunMode = RunMode.CLI,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> AsyncIterator[RunningApp]:
    """Run an application with these plugins only; installed plugins are not loaded.

    Args:
        plugins: Modules or objects with hooks. An action class, an initializer class, or an
            instance of middleware is allowed too.
        settings: Sections, as instances; other sections have their defaults.
        mode: The purpose of the process. In `RunMode.SERVER`, servers start: set their port to 0.
        environ: Environment variables with settings; none if omitted.
        folder: The folder of the settings file; an empty temporary folder if omitted.

    Raises:
        BootError: The application cannot be loaded or started.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="actionhero-")))
        variables = {"ACTIONHERO_ENV": "test", **(environ or {})}
        app = App.from_plugins(
            [item for item in plugins if not _is_component(item)] + _component_plugin(plugins),
            read_sources(folder, environ=variables),
            mode,
            settings,
        )
        await app.start()
        try:
            yield RunningApp(app)
        finally:
            await app.stop()


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1 that is not ephemeral.

    A server on this port can be stopped and started again. The system chooses an ephemeral port for
    port 0, and uses such ports for outgoing connections too: while the server is stopped, any
    connection of this machine may take its port.
    """
    ports = _ports()
    while True:
        # Not `random`: with the same seed, parallel test processes would choose the same ports.
        port = secrets.choice(ports)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _is_component(item: Any) -> bool:
    if isinstance(item, type):
        return issubclass(item, Action | Initializer)
    return isinstance(item, Middleware)


def _component_plugin(plugins: Iterable[Any]) -> list[Any]:
    """Return one plugin with all the components that are passed directly."""
    components = [item for item in plugins if _is_component(item)]
    if not components:
        return []

    class Components:
        @hookimpl
        def actionhero_actions(self) -> list[type[Action]]:
            return [c for c in components if isinstance(c, type) and issubclass(c, Action)]

        @hookimpl
        def actionhero_initializers(self) -> list[Initializer]:
            return [c() for c in components if isinstance(c, type) and issubclass(c, Initializer)]

        @hookimpl
        def actionhero_middleware(self) -> list[Middleware]:
            return [c for c in components if isinstance(c, Middleware)]

    return [Components()]


def _ports() -> Sequence[int]:
    first, last = FIRST_EPHEMERAL, LAST
    with contextlib.suppress(OSError):
        first, last = map(int, EPHEMERAL.read_text("ascii").split())
    ports = [*range(FIRST, min(first, LAST + 1)), *range(max(last + 1, FIRST), LAST + 1)]
    # If all ports are ephemeral, there is no better choice.
    return ports or range(FIRST, LAST + 1)
