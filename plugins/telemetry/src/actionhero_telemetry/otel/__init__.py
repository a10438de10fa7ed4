"""Traces with OpenTelemetry. Imported only if `telemetry.traces` is on, and not for commands."""
