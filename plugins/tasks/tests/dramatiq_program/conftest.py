"""Actors that tests declare, as the modules of an application do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq
import pytest

from actionhero_tasks.dramatiq.declarations import DECLARATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _declared_actors() -> Iterator[None]:
    """Forget the actors of a test, and check that it restores the global broker."""
    actors = dict(DECLARATIONS.actors)
    assert dramatiq.get_broker() is DECLARATIONS
    yield
    assert dramatiq.get_broker() is DECLARATIONS
    DECLARATIONS.actors.clear()
    DECLARATIONS.actors.update(actors)
