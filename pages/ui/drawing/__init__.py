"""A field to draw in, as a component of our own."""
