"""Reading of files that strangers made: archives, pictures and published data sets; loads no torch."""
