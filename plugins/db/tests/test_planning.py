"""Migrations that would fail are not written, and those that are written run in both directions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from actionhero_db.migrations.errors import MigrationRefused

HEAD = """
import datetime
import uuid
from tortoise.migrations.constraints import UniqueConstraint


def local_class():
    class Local(fields.CharField):
        pass

    return Local


Made = local_class()
"""
MODELS = """
class Tag(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20)


class Shop(Model):
    id = fields.IntField(primary_key=True)


class Person(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20)
    age = fields.IntField(null=True)
    price = fields.DecimalField(max_digits=8, decimal_places=4, null=True)


class Post(Model):
    id = fields.IntField(primary_key=True)
    person = fields.ForeignKeyField("notes.Person", related_name="posts")
    shop = fields.ForeignKeyField("notes.Shop", null=True)
    tags = fields.ManyToManyField("notes.Tag", related_name="posts")
    title = fields.CharField(max_length=20)

    class Meta:
        unique_together = (("person", "title"),)
        indexes = [("title", "shop")]
"""
ROWS = (
    "INSERT INTO person (name) VALUES ('Ada')",
    "INSERT INTO tag (name) VALUES ('red')",
    "INSERT INTO post (person_id, title) VALUES (1, 'first')",
    "INSERT INTO post_tag (post_id, tag_id) VALUES (1, 1)",
)
NAME = "name = fields.CharField(max_length=20)\n    age"
DIGITS = "max_digits=8, decimal_places=4"
KEPT = "SQLite keeps such values, which cannot be saved again"
AGE, SHOP = "age = fields.IntField(null=True)", '"notes.Shop", null=True)'
TAGS = 'tags = fields.ManyToManyField("notes.Tag", related_name="posts")'
LINK = (
    "    id = fields.IntField(primary_key=True)\n"
    '    post = fields.ForeignKeyField("notes.Post", related_name="links")\n'
    '    tag = fields.ForeignKeyField("notes.Tag", related_name="links")\n'
    "    class Meta:\n        table = 'post_tag'\n"
)
CIRCLE = """

class Author(Model):
    id = fields.IntField(primary_key=True)
    best = fields.ForeignKeyField("notes.Book", related_name="fans", null=True)
    name = fields.TextField()

    class Meta:
        indexes = [("id", "best")]


class Book(Model):
    id = fields.IntField(primary_key=True)
    author = fields.ForeignKeyField("notes.Author", related_name="books")
    others = fields.ManyToManyField("notes.Author", related_name="others")
    series = fields.ForeignKeyField("notes.Book", related_name="parts", null=True)
"""


def changed(*pairs: tuple[str, str]) -> str:
    """Return the models with some parts replaced."""
    text = MODELS
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


async def begin(notebook: Any) -> None:
    """Create the first version, with rows."""
    await notebook.make(HEAD + MODELS, "initial")
    await notebook.migrate()
    for row in ROWS:
        await notebook.run(row)


async def assert_both_directions(notebook: Any, models: str, *options: str) -> None:
    """Run the migration to `models` forward, backward and forward again."""
    await notebook.make(HEAD + models, "change", *options)
    await notebook.migrate()
    assert await notebook.engine().changed_labels() == []
    await notebook.rollback()
    await notebook.migrate()


@pytest.mark.parametrize(
    ("models", "options"),
    [
        (changed(("tags =", "labels =")), ["Post.tags:labels"]),
        (
            changed(("    person =", "    author ="), ('("person",', '("author",')),
            ["Post.person:author"],
        ),
        (
            changed(("class Person(", "class Human("), ("notes.Person", "notes.Human")),
            ["Person:Human"],
        ),
        (changed(("class Post(", "class Article(")), ["Post:Article"]),
        (changed(("class Tag(", "class Label("), ("notes.Tag", "notes.Label")), ["Tag:Label"]),
        (
            changed(("class Person(Model):\n    id =", "class Person(Model):\n    number =")),
            ["Person.id:number"],
        ),
        (changed(("title =", "head ="), ('"title"', '"head"')), ["Post.title:head"]),
        (changed((TAGS, "pass")), ["Post.tags"]),
        (changed((SHOP, '"notes.Shop", null=True, on_delete=fields.SET_NULL)')), []),
        (changed((SHOP, '"notes.Shop", null=True, db_constraint=False)')), []),
        (changed((SHOP, '"notes.Shop", null=True, source_field="seller")')), []),
        (changed(("ForeignKeyField(" + SHOP, "OneToOneField(" + SHOP)), []),
        (changed((TAGS, TAGS.replace(")", ', through="marks", forward_key="mark")'))), []),
        (changed((AGE, AGE.replace("IntField", "BigIntField"))), []),
        (changed((AGE, AGE.replace("null=True", "null=True, unique=True"))), []),
        (changed((AGE, AGE.replace("null=True", "db_default=3"))), []),
        (changed((AGE, AGE.replace("null=True", 'null=True, source_field="years"'))), []),
        (
            changed(
                (
                    AGE,
                    f"{AGE}\n    born = fields.DatetimeField(null=True, "
                    "default=datetime.datetime.now)\n    "
                    "key = fields.UUIDField(null=True, default=uuid.uuid4)\n    "
                    'data = fields.JSONField(null=True, default={"a": [1, None]})\n    '
                    "nick = fields.CharField(max_length=9, null=True, default=lambda: 'x')",
                )
            ),
            [],
        ),
        (
            changed(
                (
                    'indexes = [("title", "shop")]',
                    'indexes = [("person", "shop"), Index(fields=["shop", "title"])]\n'
                    '        constraints = [UniqueConstraint(fields=("title",), name="once")]',
                )
            ),
            [],
        ),
        (
            MODELS + CIRCLE,
            [],
        ),
        (
            changed(
                (
                    AGE,
                    f'{AGE}\n    best = fields.ForeignKeyField("notes.Post", '
                    'related_name="best_of", null=True)',
                )
            ),
            [],
        ),
    ],
    ids=[
        "a renamed many-to-many field",
        "a renamed foreign key with the same related_name",
        "a renamed model that others refer to",
        "a renamed model that refers to others",
        "a renamed model of a many-to-many relation",
        "a renamed primary key",
        "a renamed field of an index and a constraint",
        "a removed many-to-many field",
        "another on_delete",
        "a reference without a constraint",
        "another column of a reference",
        "a reference that became unique",
        "another table of a many-to-many relation",
        "a larger number",
        "a unique field",
        "a field that is no longer nullable",
        "another column",
        "new fields with functions as defaults",
        "indexes and constraints over foreign keys by name",
        "new models that refer to each other",
        "a reference back to a model",
    ],
)
async def test_a_change_runs_in_both_directions(
    notebook: Any, models: str, options: list[str]
) -> None:
    """The rows are kept, and the tables are those of the models."""
    await begin(notebook)

    await assert_both_directions(notebook, models, *options)

    renamed = dict(option.lower().split(":") for option in options if ":" in option)
    assert await notebook.count(renamed.get("person", "person")) == 1
    assert await notebook.count(renamed.get("post", "post")) == 1


REPLACE = (
    "; add a field with another name, run this migration, copy the values in one of your own "
    "(ops.RunSQL), and remove the old field afterwards"
)
BY_HAND = "undo this change of the models, or write the migration by hand"


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (
            changed((AGE, AGE.replace("IntField", "FloatField"))),
            [],
            "the type of notes.Person.age changed from IntField to FloatField, and there is no "
            f"conversion of the values{REPLACE}",
        ),
        (
            changed(("title = fields.CharField(max_length=20)", "title = fields.IntField()")),
            [],
            "the type of notes.Post.title changed from CharField to IntField, and there is no "
            f"conversion of the values{REPLACE}",
        ),
        (
            changed((TAGS, 'tags = fields.ForeignKeyField("notes.Tag", null=True)')),
            [],
            "notes.Post.tags was a many-to-many relation and is a reference now, and there is no "
            f"conversion of the values{REPLACE}",
        ),
        (
            changed((f"fields.ForeignKeyField({SHOP}", "fields.IntField(null=True)")),
            [],
            "notes.Post.shop was a reference and is a value now, and there is no conversion of the "
            f"values{REPLACE}",
        ),
        (
            changed((SHOP, '"notes.Tag", null=True, related_name="sold")')),
            [],
            "notes.Post.shop referred to notes.Shop and refers to notes.Tag now, whose rows are "
            f"others{REPLACE}",
        ),
        (
            changed((TAGS, TAGS.replace(")", ", on_delete=fields.NO_ACTION)"))),
            [],
            "on_delete of the many-to-many relation notes.Post.tags changed, which no migration "
            f"changes in its table; set on_delete=CASCADE, or {REPLACE[2:]}",
        ),
        (
            changed((TAGS, TAGS.replace(")", ", unique=False)"))),
            [],
            "unique of the many-to-many relation notes.Post.tags changed, which no migration "
            f"changes in its table; set unique=True, or {REPLACE[2:]}",
        ),
        (
            changed(
                ("class Shop(Model)", "class PostTag(Model):\n" + LINK + "\n\nclass Shop(Model)")
            ),
            [],
            "the table 'post_tag' of the new model notes.PostTag exists already, with the links of "
            "notes.Post.tags; set another table in its class Meta, copy the links in a migration "
            "of your own (ops.RunSQL), and set through of the relation to the new table afterwards",
        ),
        (
            changed(
                ("Person(Model):\n    id = fields.Int", "Person(Model):\n    id = fields.BigInt")
            ),
            [],
            "the type of notes.Person.id changed, and notes.Post.person refers to it, whose values "
            f"would still have the old one; {BY_HAND}",
        ),
        (
            changed(
                ("Person(Model):\n    id = fields.Int", "Person(Model):\n    id = fields.UUID")
            ),
            [],
            "the type of notes.Person.id changed from IntField to UUIDField, and there is no "
            f"conversion of the values{REPLACE}",
        ),
        (
            changed(
                (
                    "Person(Model):\n    id = fields.IntField(primary_key=True)",
                    "Person(Model):\n    key = fields.CharField(max_length=3, primary_key=True)",
                )
            ),
            ["Person.id"],
            "the primary key of notes.Person changed from id to key, and no database replaces the "
            "primary key of a table; use --rename Person.id:key if it is the same, keep the old "
            "one, or create another model",
        ),
        (
            changed(("    class Meta:\n", "    class Meta:\n        table = 'posting'\n")),
            [],
            "the table of notes.Post would change from 'post' to 'posting', and there is no "
            "migration for that; set table = 'post' in its class Meta",
        ),
        (
            changed(("    class Meta:\n", "    class Meta:\n        schema = 'other'\n")),
            [],
            "the schema of notes.Post would change from None to 'other', and there is no migration "
            "for that; set schema = None in its class Meta",
        ),
        (
            changed((AGE, f"{AGE}\n    nick = Made(max_length=4, null=True)")),
            [],
            "notes.Person.nick cannot be written to a migration: cannot import name 'Local' from",
        ),
    ],
    ids=[
        "a number that became a float",
        "a text that became a number",
        "a many-to-many relation that became a reference",
        "a reference that became a value",
        "a reference to another model",
        "another on_delete of a many-to-many relation",
        "a many-to-many relation that became not unique",
        "a model for the table of a many-to-many relation",
        "a larger primary key that others refer to",
        "a primary key of another type",
        "another primary key",
        "another table",
        "another schema",
        "a field of a class without a name",
    ],
)
async def test_a_change_that_no_database_makes_is_refused(
    notebook: Any, models: str, options: list[str], message: str
) -> None:
    """The message names the model, the field and the remedy, and the commands still work."""
    await begin(notebook)

    with pytest.raises(MigrationRefused) as raised:
        await notebook.make(HEAD + models, "change", *options)

    if message.endswith(" from"):
        assert str(raised.value).startswith(message)
        assert str(raised.value).endswith("classes and functions at the top level of a module")
    else:
        assert str(raised.value) == message
    assert [path.name for path in notebook.migrations.glob("0*.py")] == ["0001_initial.py"]
    assert [state.applied for state in await notebook.engine().states()] == [True]
    assert await notebook.migrate() == []
    assert await notebook.count("post") == 1


async def test_a_default_of_python_is_no_change(notebook: Any) -> None:
    """The database does not know it."""
    await begin(notebook)

    notebook.write(HEAD + changed((AGE, AGE.replace("null=True", "null=True, default=lambda: 3"))))

    assert await notebook.engine().make("notes", "change") is None


async def test_a_file_contains_no_functions_of_the_application(notebook: Any) -> None:
    """They may be gone when it runs again."""
    await notebook.make(HEAD + MODELS, "initial")
    field = f"{AGE}\n    key = fields.UUIDField(null=True, default=uuid.uuid4)"

    text = await notebook.make(HEAD + changed((AGE, field)), "key")

    assert "default" not in text
    assert not re.search(r"^(import|from) (?!tortoise)", text, re.MULTILINE)


async def test_statements_that_fail_in_the_trial_are_not_written(notebook: Any) -> None:
    """The message contains the reason of the database, and names the field."""
    await begin(notebook)
    models = changed((AGE, f"{AGE}\n    total = fields.IntField(null=True, generated=True)"))

    with pytest.raises(MigrationRefused) as raised:
        await notebook.make(HEAD + models, "change")

    message = str(raised.value)
    assert message.startswith("the change of notes.Person")
    assert " cannot be made on " in message
    assert message.endswith(f"; {BY_HAND}")
    assert len(list(notebook.migrations.glob("0*.py"))) == 1


async def test_the_trial_leaves_no_trace(postgres_notebook: Any) -> None:
    """It runs in a transaction that is rolled back, whether it fails or not."""
    await begin(postgres_notebook)
    before = await postgres_notebook.run("SELECT relname FROM pg_class ORDER BY 1")

    await postgres_notebook.make(HEAD + changed((AGE, AGE.replace("Int", "BigInt"))), "change")

    assert await postgres_notebook.run("SELECT relname FROM pg_class ORDER BY 1") == before


async def test_a_migration_is_written_without_a_server(postgres_notebook: Any) -> None:
    """The author learns that it was not tried."""
    notebook = postgres_notebook
    await begin(notebook)
    notebook.url = "postgres://ada:secret@127.0.0.1:1/notes"
    notebook.write(HEAD + changed((AGE, AGE.replace("Int", "BigInt"))))
    notes: list[str] = []

    path = await notebook.engine().make("notes", "change", note=notes.append)

    assert path is not None
    assert len(notes) == 1
    assert notes[0].startswith(
        "the migration was not tried on postgres://ada:******@127.0.0.1:1/notes: "
    )


@pytest.mark.parametrize(
    ("models", "condition"),
    [
        (
            changed((AGE, "age = fields.IntField()")),
            "fails while a row has no value for notes.Person.age, as it has no db_default",
        ),
        (
            changed((AGE, AGE.replace("null=True", "null=True, unique=True"))),
            "fails while two rows have the same value for notes.Person.age",
        ),
        (
            changed((NAME, NAME.replace("20", "19"))),
            f"fails while a value of notes.Person.name has more than 19 characters; {KEPT}",
        ),
        (
            changed((AGE, "age = fields.SmallIntField(null=True)")),
            f"fails while a value of notes.Person.age is not from -32768 to 32767; {KEPT}",
        ),
        (
            changed((DIGITS, "max_digits=7, decimal_places=4")),
            "fails while a value of notes.Person.price has more than 3 digits before the decimal "
            f"point; {KEPT}",
        ),
    ],
    ids=["not nullable", "unique", "a shorter text", "a smaller integer", "fewer digits"],
)
async def test_conditions_for_the_rows_are_noted(
    notebook: Any, models: str, condition: str
) -> None:
    """Only the author knows whether the rows meet them."""
    await begin(notebook)
    notebook.write(HEAD + models)
    notes: list[str] = []

    await notebook.engine().make("notes", "change", note=notes.append)

    assert notes == [f"the migration {condition}"]
