"""The job store in PostgreSQL."""
