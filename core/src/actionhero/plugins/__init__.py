"""Plugins: hook specifications, discovery of what is installed, and the host that calls the hooks."""

from __future__ import annotations

#: The version of core, which is that of all our packages.
VERSION = "0.1.0"
