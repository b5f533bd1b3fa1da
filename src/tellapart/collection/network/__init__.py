"""HTTP: fetch images, pages and API answers safely, within rate limits, with every error as an outcome."""
