"""Where images go, under which names, and the table that says whose they are."""
