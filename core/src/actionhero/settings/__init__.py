"""Settings: one pydantic model per section, loaded from files, variables and the command line.

Start with `Settings` (`model.py`), then `load_settings` (`loading.py`) and its result
(`loaded.py`). The sources and their precedence are in `sources.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import lazy_names

if TYPE_CHECKING:
    from actionhero.settings.loaded import LoadedSettings as LoadedSettings
    from actionhero.settings.loaded import SettingsRow as SettingsRow
    from actionhero.settings.loaded import settings_reference as settings_reference
    from actionhero.settings.loading import load_settings as load_settings
    from actionhero.settings.model import Settings as Settings
    from actionhero.settings.model import SettingsPath as SettingsPath
    from actionhero.settings.model import parse_duration as parse_duration
    from actionhero.settings.sections import CORE_SETTINGS as CORE_SETTINGS
    from actionhero.settings.sections import ActionsSettings as ActionsSettings
    from actionhero.settings.sections import AppSettings as AppSettings
    from actionhero.settings.sections import ErrorsSettings as ErrorsSettings
    from actionhero.settings.sections import LoggerSettings as LoggerSettings
    from actionhero.settings.sections import PluginsSettings as PluginsSettings
    from actionhero.settings.sections import ProcessSettings as ProcessSettings
    from actionhero.settings.sources import Environment as Environment
    from actionhero.settings.sources import Sources as Sources
    from actionhero.settings.sources import read_sources as read_sources

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".loaded": ["LoadedSettings", "SettingsRow", "settings_reference"],
        ".loading": ["load_settings"],
        ".model": ["Settings", "SettingsPath", "parse_duration"],
        ".sections": [
            "ActionsSettings",
            "AppSettings",
            "CORE_SETTINGS",
            "ErrorsSettings",
            "LoggerSettings",
            "PluginsSettings",
            "ProcessSettings",
        ],
        ".sources": ["Environment", "Sources", "read_sources"],
    },
)
