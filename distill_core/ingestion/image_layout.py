"""Reads classes and splits off the names of picture files: train/<class>/, test/<class>/, unlabelled/."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.errors import DataError
from distill_core.signature import NO_LABEL

_TRAIN, _TEST, _UNLABELLED = ("train", "training"), ("test", "testing"), ("unlabelled", "unlabeled")
_VALIDATION = ("val", "valid", "validation")
_FEWEST_A_CLASS = 3

Labelled = list[tuple[int, int]]
"""Index of the file and its label."""


@dataclass(frozen=True)
class ImageLayout:
    """Which file belongs where. Unlabelled ones are training samples with NO_LABEL, after all others."""

    class_names: tuple[str, ...]
    train: Labelled
    test: Labelled
    notes: tuple[str, ...]


def lay_out(names: Sequence[str], *, title: str, test_fraction: float) -> ImageLayout:
    """Split files by their folders; raises DataError. `title` is what the folder or archive is called."""
    tree: dict[str, list[tuple[int, list[str]]]] = {}
    loose = 0
    for index, name in enumerate(names):
        first, *rest = name.split("/")
        if rest:
            tree.setdefault(first, []).append((index, rest))
        else:
            loose += 1
    notes = [f"{_pictures(loose)} outside all class folders {_were(loose)} left out."] if loose else []
    unlabelled = [index for index, _ in _take(tree, _UNLABELLED)]
    if _find(tree, _TRAIN):
        layout = _given_split(tree, notes, title=title, test_fraction=test_fraction)
    else:
        classes = {name: [(index, "/".join(rest)) for index, rest in files] for name, files in tree.items()}
        layout = _own_split(classes, notes, title=title, test_fraction=test_fraction)
    if unlabelled:
        added = len(unlabelled)
        notes.append(f"{_pictures(added)} of the unlabelled folder {_were(added)} added to the training data.")
    train = layout.train + [(index, NO_LABEL) for index in unlabelled]
    return ImageLayout(layout.class_names, train, layout.test, tuple(notes))


def _given_split(
    tree: dict[str, list[tuple[int, list[str]]]], notes: list[str], *, title: str, test_fraction: float
) -> ImageLayout:
    train = _by_class(_take(tree, _TRAIN))
    has_test = _find(tree, _TEST)
    has_validation = _find(tree, _VALIDATION)
    test = _by_class(_take(tree, _TEST) if has_test else _take(tree, _VALIDATION))
    if has_validation and not has_test:
        notes.append(f"There is no test folder: the folder {has_validation!r} is used for testing.")
    left_out = sum(len(files) for files in tree.values())
    if left_out:
        folders = ", ".join(repr(name) for name in sorted(tree)[:3])
        notes.append(f"{_pictures(left_out)} beside the train and test folders {_were(left_out)} left out: {folders}.")
    if not has_test and not has_validation:
        return _own_split(train, notes, title=title, test_fraction=test_fraction)
    names = _enough_classes(train, title)
    unknown = sorted(set(test) - set(names))
    if unknown:
        raise DataError(
            f"The test folder has the class {unknown[0]!r}, which the train folder lacks; allowed: the same "
            "classes in both. Add training images for it or remove it."
        )
    if not test:
        raise DataError(
            "The test folder has no images in class folders; allowed: at least one. Add some or remove the test folder."
        )
    label_of = {name: label for label, name in enumerate(names)}
    return ImageLayout(
        tuple(names),
        [(index, label_of[name]) for name in names for index, _ in train[name]],
        [(index, label_of[name]) for name in names for index, _ in test.get(name, [])],
        (),
    )


def _own_split(
    classes: dict[str, list[tuple[int, str]]], notes: list[str], *, title: str, test_fraction: float
) -> ImageLayout:
    names = _enough_classes(classes, title)
    train: Labelled = []
    test: Labelled = []
    for label, name in enumerate(names):
        files = classes[name]
        if len(files) < _FEWEST_A_CLASS:
            raise DataError(
                f"The class {name!r} has {len(files)} image{'s' * (len(files) != 1)}; allowed: at least "
                f"{_FEWEST_A_CLASS} a class, to learn from, validate and test. Add images or remove the class."
            )
        # By a hash of the name, so that adding images moves no other image to the other split.
        ordered = sorted(files, key=lambda file: hashlib.sha256(file[1].encode(errors="surrogateescape")).digest())
        held = min(max(1, round(len(files) * test_fraction)), len(files) - 2)
        test += [(index, label) for index, _ in ordered[:held]]
        train += [(index, label) for index, _ in ordered[held:]]
    notes.insert(0, f"There are no train and test folders: {test_fraction:.0%} of each class were kept for testing.")
    return ImageLayout(tuple(names), train, test, ())


def _enough_classes(classes: dict[str, list[tuple[int, str]]], title: str) -> list[str]:
    names = sorted(classes)
    if len(names) < 2:
        raise DataError(
            f"{title!r} has {len(names)} class folder{'s' * (len(names) != 1)} with images; "
            "allowed: at least 2. Put each class's images into a folder of its own."
        )
    return names


def _by_class(files: list[tuple[int, list[str]]]) -> dict[str, list[tuple[int, str]]]:
    """Files in folders of the split's folder; those that lie in it directly have no class."""
    classes: dict[str, list[tuple[int, str]]] = {}
    for index, parts in files:
        if len(parts) > 1:
            classes.setdefault(parts[0], []).append((index, "/".join(parts[1:])))
    return classes


def _find(tree: dict[str, list[tuple[int, list[str]]]], names: Sequence[str]) -> str | None:
    return next((folder for folder in sorted(tree) if folder.lower() in names), None)


def _take(tree: dict[str, list[tuple[int, list[str]]]], names: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Take one folder out of the tree; its files, or none."""
    folder = _find(tree, names)
    return tree.pop(folder) if folder is not None else []


def _pictures(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
