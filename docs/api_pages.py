"""The pages of public names in the reference, generated from the packages."""

from __future__ import annotations

import importlib
import inspect

from errors_page import error_classes
from page_parts import table

import actionhero
from actionhero.settings import Settings

#: The public modules of each distribution, other than `actionhero` itself.
PUBLIC_MODULES: dict[str, tuple[str, ...]] = {
    "actionhero": (
        "actionhero.testing",
        "actionhero.transport",
        "actionhero.settings",
        "actionhero.cli",
    ),
    "actionhero-asyncapi": ("actionhero_asyncapi",),
    "actionhero-auth": ("actionhero_auth",),
    "actionhero-channels": ("actionhero_channels",),
    "actionhero-console": ("actionhero_console",),
    "actionhero-db": ("actionhero_db",),
    "actionhero-generate": ("actionhero_generate",),
    "actionhero-limits": ("actionhero_limits",),
    "actionhero-mcp": ("actionhero_mcp",),
    "actionhero-oauth": ("actionhero_oauth",),
    "actionhero-openapi": ("actionhero_openapi",),
    "actionhero-redis": ("actionhero_redis",),
    "actionhero-sessions": ("actionhero_sessions",),
    "actionhero-sse": ("actionhero_sse",),
    "actionhero-tasks": ("actionhero_tasks",),
    "actionhero-telemetry": ("actionhero_telemetry",),
    "actionhero-web": ("actionhero_web",),
    "actionhero-websocket": ("actionhero_websocket", "actionhero_websocket.client"),
    "pytest-actionhero": ("pytest_actionhero",),
}
#: The names of `actionhero`, in groups; `TypedError` and its subclasses are added.
API: dict[str, tuple[str, ...]] = {
    "Actions": (
        "Action",
        "Answer",
        "Call",
        "Cookie",
        "Encoded",
        "Event",
        "Field",
        "File",
        "Header",
        "Inputs",
        "Middleware",
        "Outcome",
        "RequestHeader",
        "Secret",
        "Stream",
    ),
    "Connections and sessions": ("Connection", "Session", "SessionStore"),
    "Callers": (
        "ANONYMOUS",
        "Authenticator",
        "Credentials",
        "Permission",
        "PermissionSource",
        "Principal",
        "Requirement",
        "Scope",
        "SignedIn",
    ),
    "Audit log": ("AuditEvent", "AuditLog", "AuditSink"),
    "Plugins": (
        "ActionAttribute",
        "App",
        "Application",
        "ExceptionReport",
        "ExceptionReporter",
        "Initializer",
        "Instrument",
        "Link",
        "Observer",
        "RunMode",
        "Server",
        "Settings",
        "Supervisor",
        "Transactions",
        "Outbox",
        "OutboxMessage",
        "OutboxSender",
        "hookimpl",
        "hookspec",
        "lazy_names",
    ),
    "Errors for clients": ("ErrorType", "Problem"),
    "Errors for developers": (
        "BootError",
        "ConfigurationError",
        "LifecycleError",
        "PluginError",
        "UnavailableError",
    ),
    "Version": ("__version__",),
}
#: Descriptions of names without their own class or docstring.
DESCRIPTIONS = {
    "ANONYMOUS": "The principal of a caller without credentials and without a session.",
    "Field": "The description of an input or a setting: default, constraints, text. From pydantic.",
    "Secret": "`password: Secret[str]` is an input whose value is redacted.",
    "__version__": "The version of ActionHero, as text.",
    "hookimpl": "Marks a function of a `plugin.py` as the implementation of the hook of its name.",
    "hookspec": "Marks a function as the specification of a hook.",
}


def api_page() -> str:
    """Return the page of the public names of `actionhero`."""
    groups = public_names()
    lines = [
        "# API",
        "",
        "The public names of `actionhero`.",
        "Other names are internal and may change without notice.",
    ]
    for title, names in groups.items():
        lines += ["", f"## {title}", "", table(("Name", "Description"), map(name_row, names))]
    lines += ["", "## Details"]
    for names in groups.values():
        for name in names:
            if name not in DESCRIPTIONS:
                lines += ["", f"::: actionhero.{name}"]
    return "\n".join(lines) + "\n"


def public_names() -> dict[str, list[str]]:
    """Return all names of `actionhero.__all__` in groups.

    Raises:
        ValueError: A name is in no group, or a group has a name that is not public.
    """
    groups = {title: list(names) for title, names in API.items()}
    groups["Errors for clients"] += [error.__name__ for error in error_classes()]
    grouped = [name for names in groups.values() for name in names]
    if different := set(grouped).symmetric_difference(actionhero.__all__):
        raise ValueError(f"names in API and in actionhero.__all__ differ: {sorted(different)}")
    return groups


def name_row(name: str) -> tuple[str, str]:
    """Return the row of a public name."""
    if name in DESCRIPTIONS:
        return f"`{name}`", DESCRIPTIONS[name]
    summary = (inspect.getdoc(getattr(actionhero, name)) or "").partition("\n\n")[0]
    return f"`{name}`", " ".join(summary.split())


def packages_page() -> str:
    """Return the page of the public names of the other modules and packages."""
    lines = [
        "# API of the packages",
        "",
        "The public names of the packages other than [the core](api.md).",
        "[Settings](settings.md) and [hooks](hooks.md) have their own pages.",
        "",
        "## Licences",
        "",
        "ActionHero is licensed under Apache-2.0.",
        "Most of its dependencies have permissive licences; the exceptions are:",
        "",
        table(
            ("Dependency", "Licence", "Required by"),
            (
                ("dramatiq", "LGPL-3.0-or-later", "`actionhero-tasks`"),
                ("orjson", "MPL-2.0 in parts, otherwise Apache-2.0 or MIT", "`actionhero-web`"),
            ),
        ),
    ]
    for distribution, names in PUBLIC_MODULES.items():
        lines += ["", f"## `{distribution}`"]
        for name in names:
            module = importlib.import_module(name)
            for public in module.__all__:
                if not is_settings(getattr(module, public)):
                    lines += ["", f"::: {name}.{public}"]
    return "\n".join(lines) + "\n"


def is_settings(value: object) -> bool:
    """Return whether a public name is a settings model, which has its own page."""
    return isinstance(value, type) and issubclass(value, Settings)
