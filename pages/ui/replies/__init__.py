"""The answers of several networks side by side, as a component of our own."""
