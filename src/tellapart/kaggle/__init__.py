"""A competition's sample submission, and what is made of it: ids to files, columns to classes, and the checked table."""
