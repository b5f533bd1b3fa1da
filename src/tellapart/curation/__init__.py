"""Finding what is wrong with a set of photos."""
