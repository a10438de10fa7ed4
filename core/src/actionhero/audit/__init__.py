"""The audit log: events of sign-ins, credentials, refusals and operators, as lines and to sinks."""
