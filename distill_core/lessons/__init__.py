"""The lessons that come with the lab: each module beside this one with a `LESSON` is one, found by itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from distill_core.errors import UnknownName
from distill_core.lessons.lesson import Lesson as Lesson


@cache
def load_lessons() -> tuple[Lesson, ...]:
    """All lessons in the order in which they are taught. Raises ValueError for two of the same name or number."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    lessons = sorted((module.LESSON for module in modules if hasattr(module, "LESSON")), key=lambda one: one.number)
    for unique in ({one.name for one in lessons}, {one.number for one in lessons}):
        if len(unique) < len(lessons):
            raise ValueError("two lessons have the same name or number")
    return tuple(lessons)


def find_lesson(name: str) -> Lesson:
    """Raises UnknownName with close matches."""
    for lesson in load_lessons():
        if lesson.name == name:
            return lesson
    raise UnknownName("lesson", name, [lesson.name for lesson in load_lessons()])
