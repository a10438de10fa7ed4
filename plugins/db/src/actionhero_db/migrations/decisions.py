"""`Decisions`: which fields and models were renamed, and which may be deleted with their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actionhero import ConfigurationError
from actionhero_db.migrations.errors import MigrationRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass
class Decisions:
    """Renames, and permissions to delete values: the models alone do not contain them.

    Args:
        renames: The new names by the old ones: `User.email` to `mail`, or the model `User` to
            `Member`.
        drops: The fields, as `User.email`, and models whose values may be deleted.
        ask: Asks a question of the user; `None` without a terminal.
        confirm: Shows the lines about deleted values, and returns whether to write the migration;
            `None` without a terminal.
    """

    renames: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    ask: Callable[[str], bool] | None = None
    confirm: Callable[[list[str]], bool] | None = None
    _used: set[str] = field(default_factory=set)
    _open: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, renames: Iterable[str], drops: Iterable[str]) -> Decisions:
        """Return the decisions in the options of a command.

        Raises:
            ConfigurationError: An option has another form.
        """
        parsed = {}
        for text in renames:
            old, separator, new = text.partition(":")
            if not separator or not new.isidentifier() or not _is_place(old):
                raise ConfigurationError(
                    f"--rename {text!r} is not in the form Model.old:new for a field, or Old:New "
                    "for a model"
                )
            parsed[old] = new
        for text in drops:
            if not _is_place(text):
                raise ConfigurationError(
                    f"--drop {text!r} is not in the form Model.field, or Model"
                )
        return cls(parsed, set(drops))

    def new_name(self, place: str, label: str, candidates: list[str]) -> str | None:
        """Return the new name of a removed field or model; `None` if it is to be deleted.

        Args:
            place: The field, as `User.email`, or the model.
            label: The label of the models.
            candidates: The new fields or models that it may have become.
        """
        if place in self.renames:
            self._used.add(place)
            new = self.renames[place]
            if new not in candidates:
                raise MigrationRefused(
                    f"--rename {place}:{new} is not possible: {label}.{place} is gone from the "
                    f"models, and {new} is no new one that it may have become (available: "
                    f"{', '.join(candidates) or 'none'})"
                )
            return new
        if place in self.drops:
            self._used.add(place)
            return None
        if self.ask is None:
            self._open.append(self._question(place, label, candidates))
            return None
        for candidate in candidates:
            if self.ask(
                f"Was {label}.{place} renamed to {candidate}? Its values are kept then, and "
                "deleted otherwise."
            ):
                return candidate
        return None

    def check(self, label: str) -> None:
        """Raise if a decision is missing, or belongs to nothing that was removed.

        Raises:
            MigrationRefused: One of them is; the message contains the options to use.
        """
        unused = sorted((set(self.renames) | self.drops) - self._used)
        faults = [
            f"{label}.{place} is not gone from the models, so it can be neither renamed nor "
            "dropped; remove the option, or correct its name"
            for place in unused
        ]
        if self._open:
            faults.append(
                f"{'; '.join(self._open)}; repeat the command with these options, or run it in a "
                "terminal, where it asks"
            )
        if faults:
            raise MigrationRefused(". ".join(faults))

    def accept(self, phrases: list[str], note: Callable[[str], None] | None) -> None:
        """Ask whether to write a migration that deletes values; without a terminal, note them.

        Raises:
            MigrationRefused: The answer is no.
        """
        if phrases and self.confirm is not None:
            if not self.confirm(phrases):
                raise MigrationRefused("no migration was written")
        elif note is not None:
            for phrase in phrases:
                note(f"the migration {phrase}")

    @staticmethod
    def _question(place: str, label: str, candidates: list[str]) -> str:
        drop = f"--drop {place} to delete its {'values' if '.' in place else 'rows'}"
        if not candidates:
            return f"{label}.{place} is gone from the models: {drop}"
        renames = ", ".join(f"--rename {place}:{name}" for name in candidates)
        return (
            f"{label}.{place} is gone from the models, and {' and '.join(candidates)} new: "
            f"{renames} to keep its {'values' if '.' in place else 'rows'}, or {drop}"
        )


def _is_place(text: str) -> bool:
    parts = text.split(".")
    return len(parts) <= 2 and all(part.isidentifier() for part in parts)
