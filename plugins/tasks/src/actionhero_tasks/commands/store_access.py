"""`use_store`: access to the job store, for the commands of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from actionhero_tasks.job import InvalidText, StoreUnavailable
from actionhero_tasks.store_factory import open_store, store_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_tasks.stores.inspection import JobInspection

Result = TypeVar("Result")


def use_store(app: Application, function: Callable[[JobInspection], Result]) -> Result:
    """Call `function` with the store, and return its result.

    Raises:
        UnavailableError: The store cannot be reached.
        UsageError: A name or an id contains a lone surrogate.
    """
    try:
        store = open_store(app)
        try:
            return function(store)
        finally:
            store.close()
    except (InvalidText, UnicodeEncodeError):
        raise click.UsageError("an argument is not UTF-8") from None
    except StoreUnavailable as error:
        raise store_error(app, error) from error
