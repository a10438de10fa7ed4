"""`read_status`: the migrations of a database, and how its tables differ from the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero_db.migrations.engine import unknown_migrations

if TYPE_CHECKING:
    from actionhero_db.migrations.engine import Engine, MigrationState


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """The migrations of a database, and how its tables differ from the models."""

    #: All migrations, in the order in which they run, and those of newer releases.
    states: list[MigrationState]
    #: A sentence for each difference.
    faults: list[str]
    #: A phrase for each step of a pending migration that deletes or rounds values.
    destructive: list[str]
    #: A file that cannot be loaded; then the states are those of the names of files only.
    error: PluginError | None = None

    @property
    def is_current(self) -> bool:
        """Whether all migrations are applied, and nothing differs."""
        return not self.faults and all(state.applied for state in self.states)


async def read_status(engine: Engine) -> MigrationStatus:
    """Return the status of the database of an engine."""
    try:
        states = await engine.states()
    except PluginError as error:
        # Of one file, so the others are listed.
        return MigrationStatus(await engine.files(), [], [], error)
    faults = [item for item in await engine.pending() if item.startswith("tables of")]
    faults += [
        f"the models of {label!r} have changed since their newest migration; run: "
        f"actionhero db make --label {label} NAME"
        for label in await engine.changed_labels()
    ]
    faults += unknown_migrations(states)
    return MigrationStatus(states, faults, await engine.destructive())
