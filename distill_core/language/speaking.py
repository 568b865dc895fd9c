"""Which language is spoken now, and gettext in it.

`_("{count} seeds left").format(count=3)`: the message is a literal with named places, so that the catalogues can have
it; never an f-string. A page or a report decides the language, this room only follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations
from typing import Literal, get_args

from distill_core.language.catalogues import translations

Language = Literal["en", "zh"]
ENGLISH: Language = "en"
# Each by its own name, for whoever looks for it cannot read the others.
LANGUAGES: dict[Language, str] = {"en": "English", "zh": "简体中文"}
_TAGS: dict[Language, str] = {"en": "en", "zh": "zh-Hans"}

_chosen: ContextVar[Language | None] = ContextVar("language", default=None)
_selectors: list[Callable[[], Language]] = []


def current() -> Language:
    """The language of `speaking`, else what `select_by` says, else English."""
    if chosen := _chosen.get():
        return chosen
    return _selectors[-1]() if _selectors else ENGLISH


def document_tag() -> str:
    """The current language as documents name it in `lang`: browsers choose voices, fonts and hyphens by it."""
    return _TAGS[current()]


def known(code: str | None) -> Language | None:
    """The language that a browser's or an address's code means ("zh-Hans-CN" is zh); None if it is not spoken here."""
    main = (code or "").replace("_", "-").split("-")[0].lower()
    return next((language for language in get_args(Language) if language == main), None)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Within this context, in this thread or task, everything is said in `language`."""
    token = _chosen.set(language)
    try:
        yield
    finally:
        _chosen.reset(token)


def select_by(selector: Callable[[], Language]) -> None:
    """Let a host that serves many readers at once, such as the pages, say whose language is meant."""
    _selectors[:] = [selector]


def _(message: str) -> str:
    """The message in the current language; itself where no catalogue has it."""
    return _now().gettext(message) if message else ""


def counted(one: str, many: str, number: int) -> str:
    """The singular or plural for `number`, with `{number}` filled in, thousands separated."""
    return _now().ngettext(one, many, number).format(number=f"{number:,}")


def marked(message: str) -> str:
    """The message as it is, known to the catalogues: for tables of words that are translated where they are shown."""
    return message


def sayable(sentence: str) -> str:
    """The sentence as it is, which may be an f-string, known to the catalogues as a pattern for `told`: for texts of a
    word or two, which are not found by themselves."""
    return sentence


def _now() -> NullTranslations:
    return translations(current())
