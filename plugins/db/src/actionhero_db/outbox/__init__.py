"""The transactional outbox: messages that are committed with data, and sent afterwards."""
