"""The migrations of API keys: those of Tortoise, and in a folder those of aerich."""
