"""What several pages share: the form, the live curves, verdicts, tables, words and the error box."""
