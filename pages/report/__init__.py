"""The report of an experiment: its texts, its preview, its files."""
