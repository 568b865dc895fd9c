"""Data sets: what users brought, and what the catalogue offers."""
