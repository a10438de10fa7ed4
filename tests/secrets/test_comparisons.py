"""Secrets are compared in constant time: by `hmac.compare_digest`, or by their digests in a map."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted(
    path
    for pattern in ("core/src", "plugins/*/src", "example-plugins/*/src")
    for folder in ROOT.glob(pattern)
    for path in folder.rglob("*.py")
)
#: The names of values whose comparison would leak them by its duration.
SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:tokens?|secrets?|passwords?|(?:hex)?digests?|hash|signature|mac|hmac|api_?key|credentials?"
    r"|passphrase|csrf|nonce|verifier|otp|pin|code_challenge)$"
)
#: Comparisons of values that have such a name and are no secrets.
ALLOWED: Final = {
    # The fencing token of a lease, a number.
    "again.token != claim.token",
    # A client compares its own token with the one that has replaced it.
    "server.renewed != server.credential",
}


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comparison of a secret that takes a varying time."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        for operator, other in zip(node.ops, node.comparators, strict=True):
            # `in` a tuple compares each item; in a set or a dictionary it compares hashes first.
            is_sequence = isinstance(other, ast.Tuple | ast.List)
            if isinstance(operator, ast.Eq | ast.NotEq) or (
                isinstance(operator, ast.In | ast.NotIn) and is_sequence
            ):
                operands = (node.left, other)
                if any(map(_is_constant, operands)):
                    continue
                if any(SECRET_NAME.search(_name(operand)) for operand in operands):
                    yield node.lineno, ast.unparse(node)


def _is_constant(operand: ast.expr) -> bool:
    """Return whether an operand is a literal, or a name for a constant: it is in the source."""
    if isinstance(operand, ast.Constant):
        return True
    name = operand.attr if isinstance(operand, ast.Attribute) else getattr(operand, "id", "")
    return name.isupper()


def _name(operand: ast.expr) -> str:
    """Return the last name of an operand: of a variable, an attribute, or a called function."""
    if isinstance(operand, ast.Name):
        return operand.id.lower()
    if isinstance(operand, ast.Attribute):
        return operand.attr.lower()
    if isinstance(operand, ast.Call):
        return _name(operand.func)
    if isinstance(operand, ast.Subscript) and isinstance(operand.slice, ast.Constant):
        return str(operand.slice.value).lower()
    if isinstance(operand, ast.Subscript | ast.Await | ast.Starred):
        return _name(operand.value)
    return ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_secrets_are_compared_in_constant_time(path: Path) -> None:
    """Otherwise the time of the response tells how much of a guess is right."""
    found = [item for item in comparisons(path.read_text("utf-8")) if item[1] not in ALLOWED]

    assert found == [], f"{path}: compare with hmac.compare_digest"


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("token == given", True),
        ("if self._settings.password != field: pass", True),
        ("row.digest == digest_of(key)", True),
        ("sha256(key).hexdigest() == stored['api_key']", True),
        ("given in (token, other)", False),
        ("token in (first, second)", True),
        ("token in self._tokens", False),
        ("token == '-'", False),
        ("token is None", False),
        ("error.type == ErrorType.CREDENTIALS", False),
        ("principal.credential_id == id", False),
        ("hmac.compare_digest(token, given)", False),
    ],
)
def test_the_guard_finds_comparisons_of_secrets(source: str, is_found: bool) -> None:
    """By the names of their operands."""
    assert bool(list(comparisons(source))) is is_found
