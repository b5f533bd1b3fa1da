"""What several verbs share, or one is too short for: work that goes through several stages, told by a verb's options."""
