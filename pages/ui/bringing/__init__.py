"""Brings files from the browser to the disk: the drop zone and the route that it sends them to."""
