"""Asking addresses of the web: safely, politely, and with every failure as an outcome."""
