"""Work shared by several commands, in several stages."""
