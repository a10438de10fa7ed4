"""The page of messages in the documentation quotes messages that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.mistakes.attributes import ATTRIBUTES
from tests.mistakes.calls import CALLS
from tests.mistakes.components import COMPONENTS
from tests.mistakes.settings import SETTINGS
from tests.mistakes.signatures import SIGNATURES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
#: The other tests that read messages of the page.
TESTS = (
    "core/tests/test_application.py",
    "core/tests/test_plugins.py",
    "plugins/db/tests/test_transactions.py",
    "plugins/sessions/tests/test_cookies.py",
    "tests/mistakes/test_requests.py",
    "tests/mistakes/test_services.py",
)


def test_each_message_of_the_page_is_tested() -> None:
    """The parts between ellipses are those of a message."""
    catalog = [*ATTRIBUTES, *SIGNATURES, *COMPONENTS, *SETTINGS, *CALLS]
    texts = [mistake.message for mistake in catalog]
    texts += [(ROOT / path).read_text("utf-8") for path in TESTS]
    rows = ROW.findall(PAGE.read_text("utf-8"))
    known = " ".join(re.sub(r"[\"'`\s]+", " ", text) for text in texts)

    missing = [
        (row, part)
        for row in rows
        for part in row.split("…")
        if re.sub(r"[\"'`\s]+", " ", part).strip() not in known
    ]

    assert len(rows) > 40
    assert not missing, "\n".join(map(repr, missing))
