"""The tables of models are the same, whether a development start or migrations created them."""

from __future__ import annotations

import re
from typing import Any

from tortoise.context import require_context

from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.scripts import statements_in
from actionhero_db.migrations.session import open_session
from actionhero_db.migrations.tables import sort_models

HEAD = """
import datetime
import enum
import uuid
from decimal import Decimal
from tortoise.contrib.mysql.fields import UUIDField as BinaryUUIDField
from tortoise.contrib.mysql.indexes import FullTextIndex
from tortoise.contrib.postgres.fields import ArrayField, TSVectorField
from tortoise.contrib.postgres.indexes import (
    BrinIndex, GinIndex, GistIndex, HashIndex, PostgreSQLIndex, SpGistIndex,
)
from tortoise.expressions import F
from tortoise.fields.db_defaults import RandomHex, SqlDefault
from tortoise.functions import Lower
from tortoise.indexes import PartialIndex
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Color(enum.StrEnum):
    RED = "it's red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = -1
    HIGH = 7
"""
#: The primary keys, and no more: the first version of the models.
BARE = """
class Country(Model):
    code = fields.CharField(max_length=2, primary_key=True)

    class Meta:
        table = "country"


class Everything(Model):
    id = fields.BigIntField(primary_key=True)

    class Meta:
        table = "everything"


class Person(Model):
    id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "person"
"""
SPECIMEN = """
class Country(Model):
    \"\"\"A country: it's "described"; with a semicolon.\"\"\"

    code = fields.CharField(max_length=2, primary_key=True)
    name = fields.CharField(
        max_length=99, unique=True, null=True, description="The name, it's \\\\ the 'official' one"
    )

    class Meta:
        table = "country"


class Everything(Model):
    id = fields.BigIntField(primary_key=True)
    text = fields.CharField(max_length=40, db_default="it's; \\\\ text", db_index=True)
    long_text = fields.TextField(null=True)
    small = fields.SmallIntField(db_default=-1)
    number = fields.IntField(null=True, unique=True)
    big = fields.BigIntField(null=True, db_index=True)
    ratio = fields.FloatField(db_default=-0.5)
    price = fields.DecimalField(12, 3, db_default=Decimal("1.5"))
    flag = fields.BooleanField(db_default=True)
    content = fields.BinaryField(db_default=b"\\\\x00'")
    day = fields.DateField(null=True)
    at = fields.DatetimeField(db_default=Now())
    changed = fields.DatetimeField(auto_now=True, null=True)
    clock = fields.TimeField(null=True)
    span = fields.TimeDeltaField(db_default=datetime.timedelta(seconds=-1))
    data = fields.JSONField(db_default={"it's": [1]})
    key = fields.UUIDField(null=True, unique=True)
    color = fields.CharEnumField(Color, db_default=Color.RED)
    level = fields.IntEnumField(Level, db_default=Level.LOW, db_index=True)
    token = fields.CharField(max_length=32, db_default=RandomHex())
    renamed = fields.IntField(source_field="other_name", db_default=SqlDefault("(1 + 2)"))
    up = fields.ForeignKeyField("notes.Everything", null=True, related_name="down")
    country = fields.ForeignKeyField(
        "notes.Country", null=True, on_delete=fields.SET_NULL, related_name="everything",
        source_field="country_code", description="Where it's from",
    )
    named = fields.ForeignKeyField(
        "notes.Country", to_field="name", null=True, on_delete=fields.RESTRICT,
        related_name="named", db_index=True,
    )
    loose = fields.ForeignKeyField(
        "notes.Country", null=True, db_constraint=False, related_name="loose",
        on_delete=fields.NO_ACTION, description="It's loose",
    )
    person = fields.OneToOneField(
        "notes.Person", null=True, on_delete=fields.CASCADE, related_name="everything",
    )
    countries = fields.ManyToManyField("notes.Country", related_name="many")
    people = fields.ManyToManyField(
        "notes.Person", related_name="many", through="everything_people", forward_key="who",
        backward_key="what", on_delete=fields.RESTRICT, unique=False,
    )
    free = fields.ManyToManyField(
        "notes.Country", related_name="free", through="everything_free", db_constraint=False,
    )
    tags = fields.ManyToManyField("notes.Tag", related_name="all", through="tagging")

    class Meta:
        table = "everything"
        unique_together = (("text", "up"), ("number", "renamed"))
        indexes = [
            ("day", "up"),
            Index(fields=["country", "renamed"]),
            Index(fields=["at"], name="by_time"),
            {indexes}
        ]
        constraints = [
            UniqueConstraint(fields=("day", "country"), name="one_a_day"),
            UniqueConstraint(fields=("renamed", "at")),
            CheckConstraint(check="small < 100", name="small_is_small"),
            {constraints}
        ]


class Passport(Model):
    person = fields.OneToOneField("notes.Person", primary_key=True, related_name="passport")
    country = fields.ForeignKeyField("notes.Country", related_name="passports")

    class Meta:
        table = "passport"


class Person(Model):
    id = fields.UUIDField(primary_key=True)
    small = fields.SmallIntField(null=True)

    class Meta:
        table = "person"


class Special(Model):
    id = fields.SmallIntField(primary_key=True)
    text = fields.CharField(max_length=40, null=True)
    {special}

    class Meta:
        table = "special"
        indexes = [{special_indexes}]


class Tag(Model):
    id = fields.IntField(primary_key=True, generated=False)

    class Meta:
        table = "tag"
        table_description = "It's a 'tag'"


class Tagging(Model):
    id = fields.IntField(primary_key=True)
    everything = fields.ForeignKeyField("notes.Everything", related_name="taggings")
    tag = fields.ForeignKeyField("notes.Tag", related_name="taggings")
    position = fields.IntField(db_default=0)

    class Meta:
        table = "tagging"
        unique_together = (("everything", "tag"),)
"""
#: The parts for each kind of database.
PARTS: dict[str, dict[str, str]] = {
    "sqlite": {
        "indexes": "PartialIndex(fields=['text'], condition={'flag': 1}, name='flagged'),"
        "Index(Lower(F('text')), name='lower_text'),",
        "constraints": "UniqueConstraint(fields=('big', 'up'), name='some', condition='small > 1')",
    },
    "postgres": {
        "indexes": "PartialIndex(fields=['text'], condition={'flag': True}, name='flagged'),"
        "Index(Lower(F('text')), name='lower_text'),",
        "constraints": "UniqueConstraint(fields=('big', 'up'), name='some', condition='small > 1')",
        "special": "numbers = ArrayField(element_type='int', db_default=[1, 2])\n"
        "    words = ArrayField(element_type='text', null=True)\n"
        "    vector = TSVectorField(source_fields=('text',), config='english', null=True)\n"
        "    data = fields.JSONField(null=True)",
        "special_indexes": "GinIndex(fields=['vector']), GinIndex(fields=['data'], name='by_data'),"
        "HashIndex(fields=['text']), BrinIndex(fields=['id']), SpGistIndex(fields=['text']),"
        "GistIndex(fields=['vector']),"
        "PostgreSQLIndex(fields=['text'], condition={'id': 1}, name='ones')",
    },
}
PARTS["mysql"] = {
    "special": "place = BinaryUUIDField(null=True)",
    "special_indexes": "FullTextIndex(fields=['text'])",
}
EMPTY = dict.fromkeys(("indexes", "constraints", "special", "special_indexes"), "")


def specimen(url: str) -> str:
    """Return models with every field, relation, index and constraint of a kind of database."""
    text = HEAD + SPECIMEN
    for name, part in (EMPTY | PARTS[kind_of(url)]).items():
        text = text.replace(f"{{{name}}}", part or ("pass" if name == "special" else ""))
    return text


def kind_of(url: str) -> str:
    return url.partition(":")[0]


# -- introspection -------------------------------------------------------------------------------

_POSTGRES = """
SELECT c.relname AS name, d.line FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
CROSS JOIN LATERAL (
    SELECT 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || ' ' || a.attgenerated::text
           || coalesce(' default ' || pg_get_expr(e.adbin, e.adrelid), '')
           || coalesce(' comment ' || col_description(c.oid, a.attnum), '') AS line
    FROM pg_attribute a LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = c.oid
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid
    UNION ALL
    SELECT 'comment ' || obj_description(c.oid)
) d WHERE c.relkind = 'r' AND d.line IS NOT NULL
"""


async def schema_of(notebook: Any) -> dict[str, list[str]]:
    """Return a line for each column, key, index and constraint of each table."""
    kind = kind_of(notebook.url)
    if kind == "postgres":
        tables: dict[str, list[str]] = {}
        for row in await notebook.run(_POSTGRES):
            tables.setdefault(row["name"], []).append(row["line"])
    elif kind == "sqlite":
        rows = await notebook.run("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        tables = {
            row["name"]: [line async for line in _sqlite_lines(notebook, row["name"], row["sql"])]
            for row in rows
        }
    else:
        tables = {}
        for row in await notebook.run("SHOW TABLES"):
            (name,) = row.values()
            (table,) = await notebook.run(f"SHOW CREATE TABLE `{name}`")
            text = re.sub(" AUTO_INCREMENT=[0-9]+", "", table["Create Table"])
            tables[name] = [line.strip(" ,") for line in text.splitlines()]
    own = ("sqlite_sequence", "tortoise_migrations")
    return {name: sorted(lines) for name, lines in sorted(tables.items()) if name not in own}


async def _sqlite_lines(notebook: Any, table: str, sql: str) -> Any:
    for row in await notebook.run(f'PRAGMA table_xinfo("{table}")'):
        yield f"column {[row[key] for key in ('name', 'type', 'notnull', 'dflt_value', 'pk')]}"
    for row in await notebook.run(f'PRAGMA foreign_key_list("{table}")'):
        yield f"foreign key {[row[key] for key in ('from', 'table', 'to', 'on_delete')]}"
    for row in await notebook.run(f'PRAGMA index_list("{table}")'):
        columns = [r["name"] for r in await notebook.run(f'PRAGMA index_info("{row["name"]}")')]
        name = row["name"]
        (text,) = await notebook.run(f"SELECT sql FROM sqlite_master WHERE name = '{name}'")
        _, _, definition = (text["sql"] or "").partition("(")
        expressions = definition if None in columns else ""
        condition = definition.partition(" WHERE ")[2]
        yield f"index {name} {columns} unique {row['unique']} {expressions} {condition}"
    for check in re.findall(r'CONSTRAINT "(\w+)" CHECK \((.*)\)', sql):
        yield f"check {check}"
    for comment in re.findall(r"/\* .*? \*/", sql):
        yield f"comment {comment}"


def without_names(schema: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return a schema without the names of indexes, which contain hashes and the like."""
    result = {}
    for table, lines in schema.items():
        # SQLite keeps comments as a part of the statement that created a table.
        unnamed = [line for line in lines if not line.startswith("comment /*")]
        unnamed = [re.sub(r"^index \S+", "index", line) for line in unnamed]
        unnamed = [re.sub(r"INDEX \S+ ON", "INDEX ON", line) for line in unnamed]
        unnamed = [re.sub(r"^constraint \S+ (UNIQUE|FOREIGN)", r"\1", line) for line in unnamed]
        unnamed = [re.sub(r"KEY `\w+` \(", "KEY (", line) for line in unnamed]
        result[table] = sorted(set(unnamed))
    return result


def without_comments(schema: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return a schema without comments, in which Tortoise doubles backslashes."""
    return {
        table: [re.sub("^comment .*| comment .*", "", line, flags=re.DOTALL) for line in lines]
        for table, lines in schema.items()
    }


# -- tests ---------------------------------------------------------------------------------------


async def test_tables_without_migrations_are_those_of_the_first_migration(
    notebook: Any, second_notebook: Any
) -> None:
    """Compared by introspection."""
    notebook.write(specimen(notebook.url), migrations=False)
    await notebook.migrate()
    await second_notebook.make(specimen(notebook.url), "initial")
    await second_notebook.migrate()

    schema = await schema_of(notebook)

    assert schema == await schema_of(second_notebook)
    assert {"everything", "everything_country", "everything_people", "tagging"} <= schema.keys()


async def test_the_first_migration_has_the_statements_of_a_development_start(notebook: Any) -> None:
    """Compared statement by statement."""
    await notebook.make(specimen(notebook.url), "initial")
    lines = await notebook.engine().sql("notes", "0001_initial", backward=False)

    async with open_session(notebook.database()) as session:
        editor: Any = editor_for(session.client, collect=True)
        apps: Any = session.context.apps
        models = list(apps["notes"].values())
        editor.model_tables = frozenset(model._meta.db_table for model in models)
        for model in sort_models(models):
            await editor.create_model(model)

    dialect = editor.DIALECT
    assert _statements(lines, dialect) == _statements(editor.collected_sql, dialect)


def _statements(lines: list[str], dialect: str) -> list[str]:
    text = "\n".join(line.rstrip(";") + ";" for line in lines if not line.startswith("--"))
    return sorted(statements_in(text, dialect))


async def test_later_migrations_result_in_the_same_tables(
    notebook: Any, second_notebook: Any
) -> None:
    """Each column, index and constraint is added to tables that exist."""
    notebook.write(specimen(notebook.url), migrations=False)
    await notebook.migrate()
    await second_notebook.make(BARE, "initial")
    await second_notebook.migrate()
    await second_notebook.make(specimen(notebook.url), "everything")

    await second_notebook.migrate()

    assert without_names(await schema_of(second_notebook)) == without_names(
        await schema_of(notebook)
    )


async def test_migrations_down_and_up_result_in_the_same_tables(notebook: Any) -> None:
    """The first migration is undone, and so is one that adds everything."""
    await notebook.make(BARE, "initial")
    await notebook.migrate()
    bare = await schema_of(notebook)
    await notebook.make(specimen(notebook.url), "everything")
    await notebook.migrate()
    full = await schema_of(notebook)

    await notebook.rollback()
    assert without_names(await schema_of(notebook)) == without_names(bare)
    await notebook.migrate()

    assert without_names(await schema_of(notebook)) == without_names(full)


async def test_columns_and_keys_are_those_of_tortoise(notebook: Any, second_notebook: Any) -> None:
    """Its own generator creates the same, apart from defaults and the constraints of `Meta`."""
    text = re.sub(r" db_default=[^\n]*\)$", " null=True)", specimen(notebook.url), flags=re.M)
    text = re.sub(r"\(db_default=[^\n]*\)$", "(null=True)", text, flags=re.M)
    text = re.sub(r"(constraints|indexes) = \[.*?\n        \]", "", text, flags=re.DOTALL)
    text = re.sub(r"indexes = \[.*\]$", "", text, flags=re.M)
    notebook.write(text, migrations=False)
    await notebook.migrate()
    second_notebook.write(text, migrations=False)
    async with second_notebook.database().activated():
        await require_context().generate_schemas(safe=False)

    schemas = [without_comments(await schema_of(each)) for each in (notebook, second_notebook)]
    assert without_names(schemas[0]) == without_names(schemas[1])
