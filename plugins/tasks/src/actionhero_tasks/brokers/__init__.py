"""Message brokers that deliver ready jobs."""
