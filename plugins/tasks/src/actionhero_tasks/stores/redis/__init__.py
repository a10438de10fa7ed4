"""The job store in Redis."""
