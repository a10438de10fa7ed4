"""The panels of other packages in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import async_playwright, expect
from plugins.console.tests.conftest import OPERATORS, console_site
from plugins.console.tests.test_browser import ARGUMENTS, TIMEOUT_MS, Window
from plugins.db.tests.conftest import importable, models_plugin, people  # noqa: F401 - fixtures

from actionhero import RateLimited, Session, hookimpl
from actionhero_channels import Channel, Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_channels.testing import RecordingSubscriber
from actionhero_db import plugin as db_plugin
from actionhero_limits import Limits
from actionhero_limits import plugin as limits_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCRIPT = "<script>alert(1)</script>"


class Room(Channel):
    """The messages of a room."""

    name = "room:{id}"


class Rooms:
    """The plugin of the channel, with a topic of the outbox."""

    @hookimpl(optionalhook=True)
    def actionhero_channels(self) -> list[type[Channel]]:
        return [Room]

    @hookimpl
    def actionhero_db_outbox_topics(self) -> list[str]:
        return ["letters"]


async def test_panels_show_their_data(
    people: Any,  # noqa: F811 - the fixture
    tmp_path: Path,
    program: Callable[[str], str],
) -> None:
    """Without messages of the browser, on a narrow screen as well."""
    plugins = (sessions_plugin, channels_plugin, websocket_plugin, limits_plugin, db_plugin)
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3"}
    async with (
        console_site(*plugins, people, Rooms(), operators=OPERATORS, environ=environ) as site,
        async_playwright() as playwright,
    ):
        limits, channels = site.app.app.get(Limits), site.app.app.get(Channels)
        limits.enabled = True
        await limits.check("sms", rate="1/hour")
        with pytest.raises(RateLimited):
            await limits.check("sms", rate="1/hour")
        await channels.subscribe(RecordingSubscriber(), "room:7", session=Session())
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS
        )
        expect.set_options(timeout=TIMEOUT_MS)
        page = await browser.new_page(viewport={"width": 360, "height": 800})
        window = Window(page, f"{site.origin}/console")
        await window.sign_in("ada")

        await window.open("limits")
        await page.get_by_role("button", name="Reset the limit sms").click()
        dialog = page.get_by_role("dialog", name="Reset the limit sms for this caller?")
        await expect(dialog).to_be_visible()
        await page.locator("dialog button.danger").click()
        await expect(page.get_by_text("The limit was reset")).to_be_visible()
        await expect(page.get_by_text("No caller is refused.")).to_be_visible()
        await window.open("database")
        await expect(page.get_by_text("The tables are up to date")).to_be_visible()
        await expect(page.get_by_text("All messages are sent.")).to_be_visible()
        await window.open("channels?channel=room:7")
        await expect(page.get_by_text("Live messages of room:7")).to_be_visible()
        await channels.broadcast("room:7", {"text": SCRIPT}, sender=SCRIPT)
        await expect(page.locator(".entry")).to_contain_text(f'{{"text":"{SCRIPT}"}}')
        await page.get_by_label("Message, as JSON").fill('{"id": 9007199254740993}')
        await page.get_by_role("button", name="Send").click()
        await page.locator("dialog button.danger").click()
        await expect(page.get_by_text('{"id":9007199254740993}')).to_be_visible()
        await page.locator("#panel").get_by_role("link", name="Connections").click()
        await expect(page.get_by_text("No client is connected.")).to_be_visible()
        await expect(page.locator(".alert")).to_have_count(0)
        width = await page.evaluate("document.documentElement.scrollWidth")
        await browser.close()

    window.check()
    assert width == 360
