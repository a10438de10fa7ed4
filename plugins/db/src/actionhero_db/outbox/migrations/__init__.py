"""The migrations of the outbox: those of Tortoise, and in a folder those of aerich."""
