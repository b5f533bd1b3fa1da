"""Where pictures go, under which names, and the table that says whose they are."""
