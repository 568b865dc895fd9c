"""The list of those who wait, to be put in order, as a component of our own."""
