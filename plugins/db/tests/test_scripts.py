"""Scripts, split by the rules of each kind of database."""

from __future__ import annotations

from typing import Any

import pytest

from actionhero_db.migrations.scripts import statements_in

EVERYWHERE = [
    "SELECT 1",
    "SELECT 'a; ''b'';'",
    'SELECT 1 AS "a;b"',
    "/* a; 'b */ SELECT 1",
    "-- a; 'b\nSELECT 1",
    "SELECT CASE WHEN 1 = 1 THEN 2 END",
]
POSTGRES = [
    r"SELECT E'it\'s; ''fine', e'\\'",
    r"SELECT 'a\'",
    "SELECT $$a; 'b$$, $tag$c; $$ d; $TAG$ $tag$",
    "SELECT a$b$ FROM c$b$",
    "SELECT $1, $2",
    "SELECT /* a; /* b; */ c; */ 1",
    "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)",
    "CREATE OR REPLACE FUNCTION f(begin int) RETURNS int LANGUAGE sql\n"
    "BEGIN ATOMIC SELECT 1; SELECT (CASE WHEN true THEN 1 END); SELECT CASE 1 WHEN 1 THEN 2 END; "
    "END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a.end FROM a; SELECT 1; END",
    "CREATE TRIGGER t BEFORE INSERT ON a EXECUTE FUNCTION f()",
    "BEGIN",
]
MYSQL = [
    r"SELECT 'it\'s; ''fine', '\\', " + r'"\"; a"',
    "SELECT `a;b`, 1--1",
    "# a; 'b\nSELECT 1",
    "/*! SELECT 1; */",
    "CREATE DEFINER = `a`@`b` PROCEDURE p() BEGIN IF 1 THEN SELECT 1; ELSE SELECT 2; END IF; "
    "CASE 1 WHEN 1 THEN SELECT 1; END CASE; BEGIN SELECT CASE WHEN 1 THEN 2 END; END; END",
    "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.b = 1",
    "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.end = 1; SET NEW.b = 2; END",
    "BEGIN NOT ATOMIC SELECT 1; END",
    "CREATE TABLE weekend (begin int, end int)",
]
SQLITE = [
    "SELECT 1 AS [a;b]",
    r"SELECT 'a\'",
    "CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT 1; SELECT 2; END",
]


@pytest.mark.parametrize(
    ("dialect", "statements"),
    [("sqlite", SQLITE), ("postgres", POSTGRES), ("mysql", MYSQL)],
    ids=["sqlite", "postgres", "mysql"],
)
def test_scripts_are_split_between_statements(dialect: str, statements: list[str]) -> None:
    """Each is followed by others, and the last one needs no semicolon."""
    expected = [*statements, *EVERYWHERE]

    assert statements_in(";\n ".join(expected), dialect) == expected
    assert statements_in("; ".join(reversed(expected)) + " ;\n", dialect) == expected[::-1]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_comments_alone_are_no_statements(dialect: str) -> None:
    """Drivers refuse to run them. One before a statement is a part of it."""
    script = "-- a; b\n; /* c */ ;; /* d */ SELECT 1; -- e"

    assert statements_in(script, dialect) == ["/* d */ SELECT 1"]
    assert statements_in("1; 2", dialect) == ["1", "2"]


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("script", ["SELECT 'a; b", "SELECT 1 /* a; b", "SELECT (1; SELECT 2"])
def test_incomplete_scripts_lose_nothing(dialect: str, script: str) -> None:
    """The server reports the error."""
    assert "; ".join(statements_in(script, dialect)) == script


TEXTS = {"sqlite": "'it''s; fine'", "postgres": r"E'it\'s; fine'", "mysql": r"'it\'s; fine'"}


async def test_sql_of_a_migration_is_run_by_the_rules_of_its_database(notebook: Any) -> None:
    """Also the statements after a text with a semicolon, and none."""
    text = next(TEXTS[name] for name in TEXTS if notebook.url.startswith(name))
    script = f"INSERT INTO note (text) VALUES ({text}); INSERT INTO note (text) VALUES ('2')"
    models = "class Note(Model):\n    text = fields.CharField(max_length=20)\n"
    await notebook.make(models, "initial")
    notebook.write_migration("0002_fill", f"ops.RunSQL([{script!r}, ' ', '-- none'], '')")

    await notebook.migrate()

    rows = await notebook.run("SELECT text FROM note ORDER BY id")
    assert [row["text"] for row in rows] == ["it's; fine", "2"]
