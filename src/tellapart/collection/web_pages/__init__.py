"""Web pages as a source of images: parsing, pagination, and rendering in a browser."""
