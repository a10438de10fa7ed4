"""Generated histories of models are migrated up, down and up again, and keep their rows."""

from __future__ import annotations

import asyncio
import itertools
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: The constructor of each kind of field, and the SQL of a value of it.
KINDS = {
    "char": ("fields.CharField(max_length={size}, ", "'it''s'"),
    "text": ("fields.TextField(", "'long'"),
    "int": ("fields.IntField(", "7"),
    "big": ("fields.BigIntField(", "8"),
    "bool": ("fields.BooleanField(", "true"),
    "decimal": ("fields.DecimalField(max_digits=9, decimal_places=2, ", "1.25"),
    "date": ("fields.DateField(", "'2026-01-31'"),
}
DEFAULTS = {
    "char": "'it\\'s'",
    "text": "'x'",
    "int": "3",
    "big": "4",
    "bool": "True",
    "decimal": "Decimal('1.50')",
    "date": "datetime.date(2026, 2, 1)",
}
HEAD = "import datetime\nfrom decimal import Decimal\n\n"


@dataclass
class Column:
    """A field, which keeps its identity when it is renamed."""

    identity: int
    kind: str
    size: int = 20
    nullable: bool = True
    index: bool = False
    unique: bool = False
    #: The identity of the model that a relation refers to.
    target: int | None = None

    def text(self, label: str, names: dict[int, str], name: str) -> str:
        """Return the expression of the field."""
        if self.kind in {"reference", "links"}:
            kind = "ForeignKeyField" if self.kind == "reference" else "ManyToManyField"
            options = ", null=True, on_delete=fields.SET_NULL" if self.kind == "reference" else ""
            target = names[self.target or 0]
            related = f"of_{name}_{self.identity}"
            return f"fields.{kind}('{label}.{target}', related_name='{related}'{options})"
        start = KINDS[self.kind][0].format(size=self.size)
        null = "null=True" if self.nullable else f"db_default={DEFAULTS[self.kind]}"
        index = ", db_index=True" if self.index else ""
        return f"{start}{null}{index}{', unique=True' if self.unique else ''})"


@dataclass
class Table:
    """A model, which keeps its identity when it is renamed."""

    identity: int
    columns: dict[str, Column] = field(default_factory=dict)
    #: The names of the fields of one index of several columns.
    together: tuple[str, ...] = ()

    def values(self) -> dict[str, str]:
        """Return a value for each column that is no relation, as SQL."""
        return {
            name: KINDS[column.kind][1]
            for name, column in self.columns.items()
            if column.kind in KINDS
        }


@dataclass(frozen=True)
class Version:
    """The models after a change, and the options that decide it."""

    change: str
    tables: dict[str, Table]
    options: tuple[str, ...]

    def text(self, label: str) -> str:
        """Return the text of the models."""
        names = {table.identity: name for name, table in self.tables.items()}
        classes = []
        for name, table in self.tables.items():
            lines = [f"class {name}(Model):", "    id = fields.IntField(primary_key=True)"]
            lines += [
                f"    {field_name} = {column.text(label, names, field_name)}"
                for field_name, column in table.columns.items()
            ]
            if table.together:
                lines += ["", "    class Meta:", f"        indexes = [{table.together!r}]"]
            classes.append("\n".join(lines))
        return HEAD + "\n\n\n".join(classes) + "\n"


class History:
    """A history of models, made of changes that are chosen by numbers.

    Args:
        choices: The name of each change, and a number that selects its model and field.
    """

    def __init__(self, choices: Sequence[tuple[str, int]]) -> None:
        self._identities = itertools.count(1)
        self._names = itertools.count(1)
        self._tables = {name: self._new_table() for name in ("Alpha", "Beta")}
        self.versions = [Version("initial", deepcopy(self._tables), ())]
        for change, number in choices:
            self._number = number
            make: Callable[[], list[str] | None] = getattr(self, f"_{change}")
            options = make()
            if options is not None:
                self.versions.append(Version(change, deepcopy(self._tables), tuple(options)))

    #: The names of all changes.
    CHANGES = (
        "add_field",
        "add_required_field",
        "drop_field",
        "rename_field",
        "rename_and_widen",
        "widen",
        "require",
        "index",
        "unique",
        "index_together",
        "add_model",
        "drop_model",
        "rename_model",
        "add_reference",
        "add_links",
    )

    def _new_table(self) -> Table:
        columns = {
            "name": Column(next(self._identities), "char"),
            "number": Column(next(self._identities), "int", nullable=False),
        }
        return Table(next(self._identities), columns)

    def _choose(self, items: Sequence[str]) -> str | None:
        self._number, chosen = divmod(self._number, len(items)) if items else (self._number, 0)
        return items[chosen] if items else None

    def _table(self) -> tuple[str, Table]:
        name = self._choose(sorted(self._tables))
        assert name is not None
        return name, self._tables[name]

    def _field(self, *kinds: str) -> tuple[str, Table, str | None]:
        model, table = self._table()
        names = [name for name, column in table.columns.items() if column.kind in (kinds or KINDS)]
        return model, table, self._choose(names)

    def _new_name(self, prefix: str) -> str:
        return f"{prefix}{next(self._names)}"

    def _add(self, column: Column) -> list[str]:
        _, table = self._table()
        table.columns[self._new_name("f")] = column
        return []

    def _add_field(self) -> list[str]:
        kind = self._choose(sorted(KINDS))
        return self._add(Column(next(self._identities), str(kind)))

    def _add_required_field(self) -> list[str]:
        kind = self._choose(sorted(KINDS))
        return self._add(Column(next(self._identities), str(kind), nullable=False))

    def _add_reference(self) -> list[str]:
        _, target = self._table()
        identity = next(self._identities)
        return self._add(Column(identity, "reference", target=target.identity))

    def _add_links(self) -> list[str] | None:
        _, target = self._table()
        _, table = self._table()
        if any(column.kind == "links" for column in table.columns.values()):
            # The tables of two would have the same name.
            return None
        identity = next(self._identities)
        table.columns[self._new_name("f")] = Column(identity, "links", target=target.identity)
        return []

    def _drop_field(self) -> list[str] | None:
        model, table, name = self._field(*KINDS, "reference", "links")
        if name is None or len(table.columns) < 2:
            return None
        del table.columns[name]
        if name in table.together:
            table.together = ()
        return [f"{model}.{name}"]

    def _rename_field(self) -> list[str] | None:
        model, table, name = self._field(*KINDS, "reference", "links")
        if name is None:
            return None
        new = self._new_name("f")
        table.columns = {
            (new if other == name else other): column for other, column in table.columns.items()
        }
        table.together = tuple(new if other == name else other for other in table.together)
        return [f"{model}.{name}:{new}"]

    def _widen(self) -> list[str] | None:
        _, table, name = self._field("char")
        if name is None:
            return None
        table.columns[name].size += 10
        return []

    def _rename_and_widen(self) -> list[str] | None:
        model, table, name = self._field("char")
        if name is None:
            return None
        new = self._new_name("f")
        column = table.columns[name]
        column.size += 10
        table.columns = {
            (new if other == name else other): value for other, value in table.columns.items()
        }
        table.together = tuple(new if other == name else other for other in table.together)
        return [f"{model}.{name}:{new}"]

    def _require(self) -> list[str] | None:
        _, table, name = self._field()
        if name is None:
            return None
        table.columns[name].nullable = not table.columns[name].nullable
        return []

    def _index(self) -> list[str] | None:
        _, table, name = self._field("char", "int", "big", "date")
        if name is None:
            return None
        table.columns[name].index = not table.columns[name].index
        return []

    def _unique(self) -> list[str] | None:
        _, table, name = self._field("char", "int", "big", "date")
        if name is None:
            return None
        table.columns[name].unique = not table.columns[name].unique
        return []

    def _index_together(self) -> list[str] | None:
        _, table = self._table()
        names = [
            name
            for name, column in table.columns.items()
            if column.kind in {"char", "int", "big", "date", "reference"}
        ]
        if len(names) < 2:
            return None
        table.together = () if table.together else (names[-1], names[0])
        return []

    def _add_model(self) -> list[str]:
        self._tables[self._new_name("Model")] = self._new_table()
        return []

    def _drop_model(self) -> list[str] | None:
        name, table = self._table()
        referring = [
            column
            for other in self._tables.values()
            for column in other.columns.values()
            if column.target == table.identity and other is not table
        ]
        if referring or len(self._tables) < 2:
            return None
        del self._tables[name]
        return [name]

    def _rename_model(self) -> list[str]:
        name, _ = self._table()
        new = self._new_name("Model")
        self._tables = {
            (new if other == name else other): table for other, table in self._tables.items()
        }
        return [f"{name}:{new}"]


HISTORIES = st.lists(
    st.tuples(st.sampled_from(History.CHANGES), st.integers(0, 10_000)), min_size=3, max_size=6
).map(History)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "number", [pytest.param(2, id="some"), pytest.param(30, id="all", marks=pytest.mark.soak)]
)
def test_a_history_is_migrated_up_down_and_up_again(
    notebook_of: Callable[[str], Any], new_url: Callable[[], str], number: int
) -> None:
    """The same histories in every run."""

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        # A shorter example would take minutes to find.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(HISTORIES)
    def migrate(history: History) -> None:
        asyncio.run(migrate_history(notebook_of(new_url()), history))

    migrate()


async def migrate_history(notebook: Any, history: History) -> None:
    """Migrate one history: version by version with rows, to the first one, and to the last one."""
    try:
        for number, version in enumerate(history.versions):
            await notebook.make(version.text(notebook.label), f"v{number}", *version.options)
            await notebook.migrate()
            assert await notebook.engine().changed_labels() == [], version
            await insert_missing_rows(notebook, version)
            await assert_rows(notebook, version, history.versions[: number + 1])
        await roll_back_and_forward(notebook, history)
    finally:
        await notebook.close()


async def roll_back_and_forward(notebook: Any, history: History) -> None:
    names = sorted(path.stem for path in notebook.migrations.glob("0*.py"))
    for number in range(len(names) - 2, -1, -1):
        await notebook.rollback(names[number])
        await assert_rows(notebook, history.versions[number], history.versions)
    await notebook.migrate()
    await assert_rows(notebook, history.versions[-1], history.versions)
    await notebook.rollback("zero")
    await notebook.migrate()
    assert await notebook.engine().changed_labels() == []


async def insert_missing_rows(notebook: Any, version: Version) -> None:
    """Insert one row into each table that has none, as a new one."""
    for name, table in version.tables.items():
        if not await notebook.count(name.lower()):
            values = table.values()
            columns = ", ".join(values)
            await notebook.run(
                f"INSERT INTO {name.lower()} ({columns}) VALUES ({', '.join(values.values())})"
            )


async def assert_rows(notebook: Any, version: Version, others: list[Version]) -> None:
    """Assert that a table that exists in all of the other versions still has its row."""
    for name, table in version.tables.items():
        if not all(table.identity in _tables(other) for other in others):
            continue
        rows = await notebook.run(f"SELECT * FROM {name.lower()}")
        assert len(rows) == 1, (version.change, name)
        for column_name, column in table.columns.items():
            kept = all(
                column.identity in {item.identity for item in _tables(other)[table.identity]}
                for other in others
            )
            if kept and column.kind == "char":
                assert rows[0][column_name] == "it's", (version.change, name, column_name)
            elif kept and column.kind == "int":
                assert rows[0][column_name] == 7, (version.change, name, column_name)


def _tables(version: Version) -> dict[int, list[Any]]:
    tables: list[Table] = list(version.tables.values())
    return {table.identity: list(table.columns.values()) for table in tables}


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return a function that returns the URL of an empty database, of each kind in turn."""
    if request.param != "sqlite":
        server = request.getfixturevalue(f"{request.param}_server")
        create: Callable[[], str] = server.new_database
        return create
    numbers = iter(range(1_000_000))
    return lambda: f"sqlite://{tmp_path / f'history{next(numbers)}.sqlite3'}"
