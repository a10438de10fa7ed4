"""Settings: pydantic models, one per section, filled from files, variables and the command line.

Start with `Settings` (model.py), then `load_settings` (loading.py) and what it returns (book.py).
What is read, and in which order, is in `actionhero.sources`.
"""

from __future__ import annotations

from actionhero.settings.book import SettingsBook, SettingsRow, settings_reference
from actionhero.settings.core import (
    CORE_SETTINGS,
    ActionsSettings,
    AppSettings,
    ErrorsSettings,
    LoggerSettings,
    PluginsSettings,
    ProcessSettings,
)
from actionhero.settings.loading import load_settings
from actionhero.settings.model import (
    MASK,
    Settings,
    SettingsPath,
    mask_passwords,
    masked,
    shown,
)

__all__ = [
    "CORE_SETTINGS",
    "MASK",
    "ActionsSettings",
    "AppSettings",
    "ErrorsSettings",
    "LoggerSettings",
    "PluginsSettings",
    "ProcessSettings",
    "Settings",
    "SettingsBook",
    "SettingsPath",
    "SettingsRow",
    "load_settings",
    "mask_passwords",
    "masked",
    "settings_reference",
    "shown",
]
