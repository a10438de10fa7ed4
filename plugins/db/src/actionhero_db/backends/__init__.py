"""The database drivers of Tortoise, with limits on every wait and safe cancellation."""
