"""Presenter mode: keys, dots and buttons that lead step by step, as a component of our own."""
