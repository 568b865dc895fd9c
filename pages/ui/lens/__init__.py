"""The dark-knowledge lens in the browser: its data, its component."""
