"""Reads the gettext catalogues, one folder of .po files a language."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def translations(language: str) -> NullTranslations:
    """The messages of a language; English, which the code is written in, has none. Read once a process."""
    files = sorted((FOLDER / language).glob("*.po"))
    if not files:
        return NullTranslations()
    # Imported where it is used: whoever reads English never waits for it.
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    whole = Catalog(locale=language)
    for file in files:
        with file.open("rb") as opened:
            for message in read_po(opened, locale=language):
                if message.id:
                    whole[message.id] = message
    packed = BytesIO()
    write_mo(packed, whole)
    packed.seek(0)
    return GNUTranslations(packed)


@cache
def messages(language: str) -> dict[str, str]:
    """Every message without a plural and its translation."""
    found = getattr(translations(language), "_catalog", {})
    return {key: value for key, value in found.items() if isinstance(key, str) and key and value}
