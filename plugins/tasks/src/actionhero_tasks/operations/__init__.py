"""The queries and changes of operators: of the page of jobs, and of the console's panel."""
