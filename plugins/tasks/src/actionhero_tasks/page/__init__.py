"""The operator page: queues, jobs and dead letters in the browser. Requires actionhero-web."""
