"""Pages as a source of pictures: reading them, turning them, and opening them in a browser."""
