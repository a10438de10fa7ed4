"""Scripts, split into their statements."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from actionhero_db.url import Dialect

#: What follows the comments and texts of each dialect: words that enclose statements, and marks.
#: After a dot, a word is a name, as in `NEW.end`.
_REST: Final = r"""
    | (?P<word> (?i: END \s+ (?: CASE | FOR | IF | LOOP | REPEAT | WHILE ) \b )
              | \.? [^\W\d] [\w$]* )
    | (?P<mark> [;()] )
"""
#: Texts may contain semicolons. The last one may have no end: the server reports it.
_POSTGRES: Final = re.compile(
    r"""
      (?P<comment> -- [^\n]* )
    | (?P<block> /\* )
    | (?P<text> [eE]' (?: [^'\\] | \\. | '' )*+ '?
              | ' [^']* '?
              | " [^"]* "?
              | \$ (?P<tag> (?: [^\W\d] \w* )? ) \$ .*? (?: \$ (?P=tag) \$ | \Z ) )
    """
    + _REST,
    re.VERBOSE | re.DOTALL,
)
_MYSQL: Final = re.compile(
    r"""
      (?P<comment> (?: -- (?= \s | \Z ) | \# ) [^\n]* | /\* (?! M?! ) .*? (?: \*/ | \Z ) )
    | (?P<text> /\* .*? (?: \*/ | \Z )
              | ' (?: [^'\\] | \\. | '' )*+ '?
              | " (?: [^"\\] | \\. | "" )*+ "?
              | ` [^`]* `? )
    """
    + _REST,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK: Final = re.compile(r"/\*|\*/")
#: The beginning of a statement that may contain others, between BEGIN and END.
_COMPOUND: Final = re.compile(
    r"""
    BEGIN \s+ NOT \s+ ATOMIC \b
    | CREATE \s+ (?: OR \s+ REPLACE \s+ )? (?: DEFINER \s* = [^;]+? \s )? (?: AGGREGATE \s+ )?
      (?: EVENT | FUNCTION | PROCEDURE | TRIGGER ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def statements_in(sql: str, dialect: str) -> list[str]:
    """Split a script into statements.

    Semicolons in texts, comments, parentheses, and the bodies of functions and triggers are no
    ends, but the bodies of MySQL without BEGIN are cut. A comment alone is no statement, except on
    SQLite: other drivers refuse to run it.

    Args:
        sql: The script.
        dialect: The database whose rules apply, with its default settings.
    """
    if dialect == Dialect.SQLITE:
        statements = _split_sqlite(sql)
    else:
        statements = _split(sql, _POSTGRES if dialect == Dialect.POSTGRES else _MYSQL)
    return [stripped for statement in statements if (stripped := statement.strip())]


def _split_sqlite(sql: str) -> list[str]:
    statements: list[str] = []
    statement = ""
    for part in sql.split(";"):
        statement += part
        if sqlite3.complete_statement(f"{statement};"):
            statements.append(statement)
            statement = ""
        else:
            statement += ";"
    return [*statements, statement.rstrip(";")]


def _split(sql: str, tokens: re.Pattern[str]) -> list[str]:
    statements: list[str] = []
    start = position = parentheses = blocks = 0
    is_first, is_empty, is_compound = True, True, False
    while token := tokens.search(sql, position):
        is_comment = token.lastgroup in {"comment", "block"}
        is_empty &= not sql[position : token.start()].strip() and (is_comment or token[0] == ";")
        position, text = token.end(), token[0].upper()
        if token.lastgroup == "block":
            position = _end_of_comment(sql, position)
        elif token.lastgroup == "word":
            if is_first:
                is_first, is_compound = False, bool(_COMPOUND.match(sql, token.start()))
            if is_compound and not parentheses:
                blocks = max(0, blocks + _change_of_blocks(text, blocks))
        elif text in {"(", ")"}:
            parentheses = max(0, parentheses + (1 if text == "(" else -1))
        elif text == ";" and not parentheses and not blocks:
            if not is_empty:
                statements.append(sql[start : token.start()])
            start, is_first, is_empty, is_compound = position, True, True, False
    if not is_empty or sql[position:].strip():
        statements.append(sql[start:])
    return statements


def _change_of_blocks(word: str, blocks: int) -> int:
    """Return by how much a word changes the number of open blocks."""
    if word == "BEGIN" or (word == "CASE" and blocks):
        return 1
    # Only CASE and BEGIN are counted, so END IF and the like end nothing.
    return -1 if word == "END" or word.split() == ["END", "CASE"] else 0


def _end_of_comment(sql: str, position: int) -> int:
    """Return the end of a comment of PostgreSQL, which may contain others."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(sql, position):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(sql)
