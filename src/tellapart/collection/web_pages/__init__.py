"""Pages as a source of images: reading them, turning them, and opening them in a browser."""
