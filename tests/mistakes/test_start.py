"""The messages about mistakes that are found when an application is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mistakes.application import messages
from tests.mistakes.attributes import ATTRIBUTES
from tests.mistakes.components import COMPONENTS
from tests.mistakes.settings import SETTINGS
from tests.mistakes.signatures import SIGNATURES

from actionhero_channels import plugin as channels_plugin
from actionhero_limits import plugin as limits_plugin
from actionhero_mcp import plugin as mcp_plugin
from actionhero_openapi import plugin as openapi_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_tasks import plugin as tasks_plugin
from actionhero_web import plugin as web_plugin
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mistakes.application import Mistake

PLUGINS = (
    web_plugin,
    tasks_plugin,
    limits_plugin,
    channels_plugin,
    redis_plugin,
    mcp_plugin,
    websocket_plugin,
    openapi_plugin,
)
MISTAKES = [*ATTRIBUTES, *SIGNATURES, *COMPONENTS, *SETTINGS]


# Python shows this warning of pydantic in programs only, and not in their modules.
@pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_has_one_message(mistake: Mistake, tmp_path: Path) -> None:
    """It names the subject, the fault and the remedy, and nothing else is reported."""
    assert messages(mistake, tmp_path, PLUGINS) == mistake.message


def test_titles_are_unique() -> None:
    """Each mistake is listed once."""
    titles = [mistake.title for mistake in MISTAKES]

    assert len(set(titles)) == len(titles)
