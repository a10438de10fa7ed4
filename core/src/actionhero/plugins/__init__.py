"""Plugins: hook specifications, discovery of installed plugins, and the host that calls hooks."""

from __future__ import annotations

#: The version of core, and of all packages of the project.
VERSION = "0.1.0"
