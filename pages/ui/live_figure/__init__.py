"""A figure that Python draws and a page holds: it follows its sweep by itself, and the routes that feed it."""
