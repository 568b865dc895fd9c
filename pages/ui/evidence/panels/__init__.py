"""The panels of the Evidence page, one module each: a module with `PANEL` is found by itself."""
