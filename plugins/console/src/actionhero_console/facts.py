"""`browser_facts`: the facts of log lines and audit entries, as a browser can show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The largest integer that a browser does not round.
_MAX_INTEGER: Final = 2**53 - 1
#: The characters that remain of each text beyond the maximum.
_CUT_LENGTH: Final = 100


def browser_facts(facts: Mapping[str, Any], max_length: int) -> dict[str, Any]:
    """Return facts as JSON, with all digits, and with long texts cut.

    Containers become JSON texts, and large integers texts, as browsers round numbers.

    Args:
        facts: The facts.
        max_length: The characters of all texts together. Further ones are cut to 100 each.
    """
    rest = max_length
    shown: dict[str, Any] = {}
    for name, fact in facts.items():
        value = _exact(fact)
        if isinstance(value, str):
            limit = max(rest, _CUT_LENGTH)
            value = value if len(value) <= limit else value[:limit] + "…"
            rest -= len(value)
        shown[name] = value
    return shown


def _exact(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INTEGER else str(value)
    try:
        text = dumps(value)
    except (TypeError, ValueError):
        return str(value)
    # Times are texts in JSON.
    return loads(text) if text.startswith(b'"') else text.decode()
