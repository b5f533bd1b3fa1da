"""The verbs: one module, one options class and one function each; the command line and the Python interface are made of them."""
