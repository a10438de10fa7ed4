"""Defaults in the database: every row has the value of the model, created by the ORM or in SQL."""

from __future__ import annotations

import datetime
import enum
import importlib
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from actionhero_db.migrations.defaults import literal
from actionhero_db.migrations.errors import MigrationRefused

TEXT = "it's \"50 %\" \\ of {x}; -- $1 /* ä\n'' */ :a ?"
UUID_VALUE = UUID("01234567-89ab-cdef-0123-456789abcdef")
#: The definition of each field, with its value in a row.
FIELDS: dict[str, tuple[str, Any]] = {
    "text": (f"CharField(max_length=99, db_default={TEXT!r})", TEXT),
    "empty": ("CharField(max_length=9, db_default='')", ""),
    "long": (f"TextField(db_default={TEXT!r})", TEXT),
    "small": ("SmallIntField(db_default=-32768)", -32768),
    "number": ("IntField(db_default=-5)", -5),
    "big": ("BigIntField(db_default=2**63 - 1)", 2**63 - 1),
    "minus": ("FloatField(db_default=-1.5e300)", -1.5e300),
    "tenth": ("FloatField(db_default=0.1)", 0.1),
    "price": ("DecimalField(12, 3, db_default=Decimal('-1234567.5'))", Decimal("-1234567.500")),
    "rate": ("DecimalField(8, 2, db_default='0.10')", Decimal("0.10")),
    "yes": ("BooleanField(db_default=True)", True),
    "no": ("BooleanField(db_default=False)", False),
    "content": (r"BinaryField(db_default=b'\x00\xff\'\"\\;\n')", b"\x00\xff'\"\\;\n"),
    "nothing": ("BinaryField(db_default=b'')", b""),
    "day": ("DateField(db_default=datetime.date(2024, 2, 29))", datetime.date(2024, 2, 29)),
    "at": (
        "DatetimeField(db_default=datetime.datetime(2026, 2, 3, 4, 5, 6, 789, datetime.UTC))",
        datetime.datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=datetime.UTC),
    ),
    "local": (
        "DatetimeField(db_default=datetime.datetime(2026, 2, 3, 4, 5, 6, "
        "tzinfo=datetime.timezone(datetime.timedelta(hours=5))))",
        datetime.datetime(2026, 2, 2, 23, 5, 6, tzinfo=datetime.UTC),
    ),
    "clock": (
        "TimeField(db_default=datetime.time(23, 59, 1, 5, tzinfo=datetime.timezone.utc))",
        datetime.time(23, 59, 1, 5, tzinfo=datetime.UTC),
    ),
    "span": (
        "TimeDeltaField(db_default=datetime.timedelta(days=-2, microseconds=1))",
        datetime.timedelta(days=-2, microseconds=1),
    ),
    "data": (
        r"""JSONField(db_default={"it's": ["\\ \"", None, 1.5, True, "ä;"]})""",
        {"it's": ['\\ "', None, 1.5, True, "ä;"]},
    ),
    "items": ("JSONField(db_default=[])", []),
    "key": (f"UUIDField(db_default=uuid.{UUID_VALUE!r})", UUID_VALUE),
    "color": ("CharEnumField(Color, db_default=Color.RED)", "it's red"),
    "name": ("CharField(max_length=9, db_default=Color.BLUE)", "blue"),
    "level": ("IntEnumField(Level, db_default=Level.LOW)", -1),
    "null": ("CharField(max_length=9, null=True, db_default=None)", None),
    "sql": ("IntField(db_default=SqlDefault('(1 + 2)'))", 3),
    "parent": ("ForeignKeyField('notes.Note', null=True, db_default=1)", 1),
}
#: Fields whose value is the time of the insertion.
NOW = {
    "now": "DatetimeField(db_default=Now())",
    "today": "DateField(db_default=Now())",
    "time": "TimeField(db_default=Now())",
}
MODELS = """
import datetime
import enum
import uuid
from decimal import Decimal
from tortoise.fields.db_defaults import RandomHex, SqlDefault


class Color(enum.Enum):
    RED = "it's red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = -1


class Note(Model):
    id = fields.IntField(primary_key=True)
{fields}
    class Meta:
        table = "note"
"""


def models(definitions: dict[str, str]) -> str:
    lines = "".join(f"    {name} = fields.{text}\n" for name, text in definitions.items())
    return MODELS.format(fields=lines)


DEFINITIONS = {name: text for name, (text, _) in FIELDS.items()} | NOW
#: The columns of references.
COLUMNS = {"parent": "parent_id"}
#: Fields that filters do not compare.
NOT_COMPARED = {"data", "items", "content", "nothing", "null", "parent"}
RANDOM = {"random": "CharField(max_length=32, db_default=RandomHex())"}


async def rows_of(notebook: Any) -> list[dict[str, Any]]:
    """Return the values of all rows, as the models read them."""
    model = importlib.import_module(notebook.models.modules[0]).Note
    rows = []
    async with notebook.database().activated():
        for note in await model.all().order_by("id"):
            row = {
                name: getattr(note, "parent_id" if name == "parent" else name)
                for name in DEFINITIONS
            }
            rows.append({n: v.value if isinstance(v, enum.Enum) else v for n, v in row.items()})
    return rows


async def insert(notebook: Any) -> None:
    """Insert one row with SQL, and one with the model."""
    await notebook.run("INSERT INTO note (id) VALUES (2)")
    model = importlib.import_module(notebook.models.modules[0]).Note
    async with notebook.database().activated():
        await model.create(id=3)


def check(rows: list[dict[str, Any]], number: int) -> None:
    """Check that all rows have the values of the models."""
    assert len(rows) == number
    today = datetime.datetime.now(datetime.UTC)
    for row in rows:
        assert {name: row[name] for name in FIELDS} == {
            name: value for name, (_, value) in FIELDS.items()
        }
        assert abs(row["now"] - today) < datetime.timedelta(minutes=2)
        assert abs(row["today"] - today.date()) <= datetime.timedelta(days=1)
        assert row["time"].tzinfo is not None
    types = [{name: type(value) for name, value in row.items()} for row in rows]
    assert all(each == types[0] for each in types)


async def test_new_columns_have_their_default(notebook: Any) -> None:
    """In the rows from before the migration, and in those after it."""
    await notebook.make(models({}), "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (1)")
    await notebook.make(models(DEFINITIONS), "fields")

    await notebook.migrate()
    await insert(notebook)

    check(await rows_of(notebook), 3)


@pytest.mark.parametrize("migrations", [True, False])
async def test_new_tables_have_their_defaults(notebook: Any, migrations: bool) -> None:
    """With migrations, and without."""
    notebook.write(models(DEFINITIONS), migrations=migrations)
    if migrations:
        await notebook.engine().make("notes", "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (1)")

    await insert(notebook)

    check(await rows_of(notebook), 3)


async def test_changed_columns_have_the_new_default(notebook: Any) -> None:
    """Rows without a value get it when a column is no longer nullable."""
    before = {
        name: text[: text.index("db_default")] + "null=True)" for name, text in DEFINITIONS.items()
    }
    del before["null"], before["parent"]
    await notebook.make(
        models(before | {name: DEFINITIONS[name] for name in ("null", "parent")}), "initial"
    )
    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (1)")
    await notebook.make(models(DEFINITIONS), "defaults")

    await notebook.migrate()
    await insert(notebook)

    check(await rows_of(notebook), 3)


async def test_values_of_the_database_are_equal_to_values_of_rows(notebook: Any) -> None:
    """A filter matches rows with the default: SQLite compares texts."""
    notebook.write(models(DEFINITIONS), migrations=False)
    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (1)")
    model = importlib.import_module(notebook.models.modules[0]).Note
    async with notebook.database().activated():
        note = await model.get(id=1)
        names = [
            name
            for name in DEFINITIONS
            if name not in {"data", "items", "content", "nothing", "null", "parent"}
        ]
        for name in names:
            assert await model.filter(**{name: getattr(note, name)}).count() == 1, name


async def test_every_row_has_its_own_random_value(notebook: Any) -> None:
    """Also on SQLite, where the table is rebuilt."""
    await notebook.make(models({}), "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (1)")
    await notebook.run("INSERT INTO note (id) VALUES (4)")
    await notebook.make(models(RANDOM), "random")

    await notebook.migrate()
    await notebook.run("INSERT INTO note (id) VALUES (2)")

    values = {row["random"] for row in await notebook.run("SELECT random FROM note")}
    assert len(values) == 3
    assert all(len(value) == 32 for value in values)


@pytest.mark.parametrize(
    ("definition", "fault"),
    [
        ("IntField(db_default='many')", "'many', which is not a value of the field: invalid"),
        (r"CharField(max_length=9, db_default='a\x00b')", "a text contains the character U+0000"),
        ("CharEnumField(Color, db_default='green')", "'green' is not a valid Color"),
        ("CharField(max_length=3, db_default='four')", "which is not a value of the field: "),
    ],
)
async def test_a_default_that_is_no_value_of_its_field_is_refused(
    notebook: Any, definition: str, fault: str
) -> None:
    """The message names the field."""
    notebook.write(models({"mood": definition}), migrations=False)

    with pytest.raises(MigrationRefused) as raised:
        await notebook.migrate()

    assert str(raised.value).startswith("the db_default of notes.Note.mood is ")
    assert fault in str(raised.value)


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
def test_literals_of_unknown_types_are_refused(dialect: str) -> None:
    """No value is written in the form of Python."""
    with pytest.raises(Exception, match="object"):
        literal(object(), dialect)
