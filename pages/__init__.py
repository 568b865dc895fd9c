"""The pages: layout and words only; everything else is asked of `distill_core.services.Lab`."""
