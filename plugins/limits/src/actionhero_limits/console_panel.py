"""The panel Limits of the console: declared limits, refused callers, and resets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import Field, Inputs
from actionhero.transport import new_identifier
from actionhero_console import Change, Panel, PanelContext
from actionhero_limits.limits import limits_for
from actionhero_limits.middleware import default_limits
from actionhero_limits.plans import plan_limits
from actionhero_limits.quota import Quota
from actionhero_limits.settings import LimitsSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_limits.plans import PlannedLimit

_ASSETS: Final = Path(__file__).parent / "assets"
#: How many refused callers of a process, and of all, are listed.
MAX_KEYS: Final = 200
_UNITS: Final = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}


class KeyInputs(Inputs):
    """The count of a caller."""

    #: The name of the limit.
    limit: str = Field(min_length=1, max_length=200)
    #: The digest of the caller.
    key: str = Field(pattern=r"^[0-9a-f]{32}$")


class ForgetInputs(KeyInputs):
    """A caller that all processes forget."""

    #: Different each time, so that no earlier answer is used again.
    request: str = Field(max_length=100)


class LimitsConsole:
    """The functions of the panel.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    # -- in every process ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the results of checks and the refused callers of this process."""
        limits = limits_for(self._app)
        # The sliding window remembers none.
        keys, count = limits.refusals.keys(MAX_KEYS) if limits.refusals is not None else ([], 0)
        return {
            "checks": limits.counts.by_limit() if limits.checks.record is not None else None,
            "refused": [[*key] for key in keys],
            "refused_count": count,
        }

    async def forget(self, inputs: ForgetInputs) -> bool:
        """Reset a caller as far as this process counts or refuses it."""
        limits = limits_for(self._app)
        existed = False
        if self._app.get(LimitsSettings).store == "local":
            existed = await limits.store.reset(self._quota(inputs.limit), inputs.key)
        if limits.refusals is None:
            return existed
        return limits.refusals.forget(inputs.limit, inputs.key) or existed

    # -- for the page --------------------------------------------------------------------------

    def declared(self) -> dict[str, Any]:
        """Return the declared limits, and the settings that apply to all of them."""
        limits, settings = limits_for(self._app), self._app.get(LimitsSettings)
        return {
            "limits": [
                _row(action, *planned) for action, items in self._planned() for planned in items
            ],
            "enabled": limits.enabled,
            "store": settings.store,
            "algorithm": "gcra" if limits.has_bursts else "sliding_window",
            "on_failure": settings.on_failure,
            "transports": settings.transports,
        }

    async def refusals(self, context: PanelContext) -> dict[str, Any]:
        """Return the refused callers and the results of checks of all processes."""
        answers = await context.ask("state")
        checks: dict[str, Counter[str]] = {}
        refused: dict[tuple[str, str], dict[str, Any]] = {}
        for value in answers.values:
            for limit, counts in (value["checks"] or {}).items():
                checks.setdefault(limit, Counter()).update(counts)
            for limit, key, until_us in value["refused"]:
                row = {"limit": limit, "key": key, "until_ms": 0, "processes": 0}
                row = refused.setdefault((limit, key), row)
                row["until_ms"] = max(row["until_ms"], until_us // 1000)
                row["processes"] += 1
        rows = sorted(refused.values(), key=lambda row: (row["limit"], row["until_ms"]))
        return {
            "refused": rows[:MAX_KEYS],
            # Those beyond the lists of processes may be the same callers.
            "is_complete": len(rows) <= MAX_KEYS
            and all(value["refused_count"] <= MAX_KEYS for value in answers.values),
            "checks": [{"limit": limit, **counts} for limit, counts in sorted(checks.items())],
            "are_counted": any(value["checks"] is not None for value in answers.values),
            "missing": answers.unanswered,
            "asked": answers.asked_ms,
            "only_this_process": answers.only_this_process,
        }

    async def reset(self, inputs: KeyInputs, context: PanelContext) -> dict[str, Any]:
        """Delete the count of a caller, and forget its refusal in every process."""
        existed = False
        if self._app.get(LimitsSettings).store == "redis":
            # First: a process that has forgotten the refusal asks the store again.
            store = limits_for(self._app).store
            existed = await store.reset(self._quota(inputs.limit), inputs.key)
        request = new_identifier()
        answers = await context.ask("forget", **inputs.model_dump(), request=request)
        return {
            "existed": existed or any(answers.values),
            "missing": answers.unanswered,
        }

    def _planned(self) -> list[tuple[str, tuple[PlannedLimit, ...]]]:
        has_bursts = limits_for(self._app).has_bursts
        default = default_limits(self._app.get(LimitsSettings))
        by_action = plan_limits(self._app, has_bursts=has_bursts).by_action
        return [*([("", default)] if default else []), *by_action.items()]

    def _quota(self, name: str) -> Quota:
        """Return the quota of a limit; its name is enough for those of `Limits.check`."""
        for _, items in self._planned():
            for planned in items:
                if planned.quota.name == name:
                    return planned.quota
        return Quota(name, 1, 1, 1)


def limits_panel(app: Application) -> Panel:
    """Return the panel."""
    console = LimitsConsole(app)
    return Panel(
        "limits",
        "Limits",
        order=45,
        reads={"declared": console.declared, "refusals": console.refusals},
        changes={
            "reset": Change(
                console.reset, target="caller {key} of limit {limit}",
                confirm="Reset the limit {limit} for this caller?",
            )
        },
        answers={"state": console.state, "forget": console.forget},
        assets=_ASSETS,
    )  # fmt: skip


def _row(action: str, quota: Quota, by: Any, cost: Any) -> dict[str, Any]:
    return {
        # Empty: all actions without their own limit.
        "action": action,
        "name": quota.name,
        "rate": _rate_text(quota),
        "burst": quota.burst,
        "by": _text(by),
        "cost": _text(cost),
    }


def _rate_text(quota: Quota) -> str:
    """Return the rate as it is written in a declaration."""
    unit = max(unit for unit in _UNITS if quota.seconds % unit == 0)
    count = quota.seconds // unit
    return (
        f"{quota.calls}/{_UNITS[unit]}" if count == 1 else f"{quota.calls}/{count}{_UNITS[unit]}s"
    )


def _text(value: Any) -> str:
    """Return a value of a declaration, or the name of its function."""
    return f"{getattr(value, '__qualname__', value)}()" if callable(value) else f"{value}"
