"""What a sweep makes, in which order, and what it found: pure functions of its spec, its trials and their runs."""
