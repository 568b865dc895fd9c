"""One self-contained page of an experiment: readable anywhere, without a script, a server or a network."""
