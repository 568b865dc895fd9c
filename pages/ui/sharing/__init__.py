"""Frozen pages behind links: the route that shows them, and the dialog that makes and revokes the links."""
