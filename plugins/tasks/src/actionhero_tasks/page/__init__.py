"""The page for operators, in the browser: queues, jobs and dead letters. Needs actionhero-web."""
