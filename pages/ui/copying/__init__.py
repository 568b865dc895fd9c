"""A button that copies the page's own address, as a component of our own."""
