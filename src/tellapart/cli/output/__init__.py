"""What each command prints, under its name."""
