"""The job store as a broker of dramatiq."""
