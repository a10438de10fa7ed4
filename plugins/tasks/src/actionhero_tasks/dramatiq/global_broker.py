"""dramatiq's global broker: that of the running application, or else the declared actors.

`@dramatiq.actor` needs a broker when a module is imported. Most processes never import dramatiq, so
the global broker is set when it is imported. This module imports the standard library only.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker
    from actionhero_tasks.dramatiq.declarations import Declarations

PACKAGE: Final = "dramatiq"


class BrokerSource(Protocol):
    """A running application's jobs."""

    @property
    def broker(self) -> ApplicationBroker:
        """The broker, created on first access."""


#: The running applications, of which the last has the global broker.
_sources: list[BrokerSource] = []
#: The global brokers before those of the running applications.
_previous: dict[BrokerSource, Any] = {}


def is_imported() -> bool:
    """Return whether dramatiq is imported, completely."""
    return hasattr(sys.modules.get(PACKAGE), "get_broker")


def watch_import() -> None:
    """Set the global broker as soon as dramatiq is imported; now, if it is."""
    if is_imported():
        _set_declarations()
    elif not any(isinstance(finder, _DramatiqFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _DramatiqFinder())


def activate(source: BrokerSource) -> None:
    """Set the broker of an application that starts as the global one.

    Raises:
        BootError: An actor cannot be declared on it.
    """
    _sources.append(source)
    if is_imported():
        try:
            _enter(source)
        except BaseException:
            _sources.remove(source)
            raise


def deactivate(source: BrokerSource) -> None:
    """Restore the global broker after an application has stopped."""
    if source not in _sources:
        return
    _sources.remove(source)
    if source in _previous:
        _leave(source)


def declarations() -> Declarations:
    """Return the actors that are declared in this process."""
    from actionhero_tasks.dramatiq.declarations import DECLARATIONS

    return DECLARATIONS


def _enter(source: BrokerSource) -> None:
    import dramatiq.broker

    broker = source.broker
    declarations().move_to(broker)
    _previous[source] = dramatiq.broker.global_broker
    dramatiq.set_broker(broker)


def _leave(source: BrokerSource) -> None:
    import dramatiq.broker

    previous = _previous.pop(source)
    broker = source.broker
    # Applications may stop in another order than that of their starts.
    for other, earlier in _previous.items():
        if earlier is broker:
            _previous[other] = previous
    if dramatiq.broker.global_broker is broker:
        dramatiq.broker.global_broker = previous
    declarations().take_back(broker, next((other.broker for other in reversed(_sources)), None))


def _set_declarations() -> None:
    import dramatiq.broker

    if dramatiq.broker.global_broker is None:
        dramatiq.set_broker(declarations())


def _imported() -> None:
    _set_declarations()
    for source in _sources:
        _enter(source)


class _DramatiqFinder:
    """Finds dramatiq as the other finders do, and sets the global broker after its import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module of dramatiq; `None` for others."""
        if name != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _DramatiqLoader(spec.loader)  # type: ignore[assignment]
        return spec


class _DramatiqLoader:
    """Loads dramatiq, and sets the global broker."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with its own loader."""
        assert module.__spec__ is not None  # noqa: S101 - it was found
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _imported()
