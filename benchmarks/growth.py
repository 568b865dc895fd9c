"""How time and memory grow with the data and with the epochs, for a small student of a small teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import GROWTH_SEEDS, cifar_arrays, prepared, small_images, trained_teacher, warm_up, write_work
from benchmarks.race import LAB, LEAN, TUTORIAL, Heat, race, ratios, summary

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
EPOCHS = (1, 2, 4, 8, 16)
EPOCHS_IMAGES, MOST_FOR_SCRIPT = 2_000, 10_000
THREADS = 1


def growth(
    *, cifar_folder: Path | None, folder: Path, rivals: Sequence[str], sizes: Sequence[int] = SIZES,
    epochs: Sequence[int] = EPOCHS,
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """What was done in words, the rows, and what was chosen."""
    rows = []
    for size in sizes:
        rows += _measured("images", size, 1, cifar_folder, folder / f"images-{size}", rivals)
    for count in epochs:
        rows += _measured("epochs", EPOCHS_IMAGES, count, cifar_folder, folder / f"epochs-{count}", rivals)
    about = (
        "A tiny CNN of 16 channels from a small CNN that is given trained, on 32x32 images with random crop and flip, "
        "batches of 128. First one epoch of ever more images (a tenth of them validate), then ever more epochs of "
        f"{EPOCHS_IMAGES:,}. Each row is a process of its own; memory is the most of all its processes, and "
        "what of it was there before the training: libraries and data. Seconds are the median of "
        f"{len(GROWTH_SEEDS)} seeds."
    )
    return about, rows, {"threads of torch": THREADS, "images": "CIFAR-10" if cifar_folder else "drawn"}


def _measured(
    grows: str, images: int, epochs: int, cifar_folder: Path | None, folder: Path, rivals: Sequence[str]
) -> list[dict[str, Any]]:
    folder.mkdir(parents=True)
    spec = small_images(cifar_arrays(cifar_folder, images=images), epochs=epochs)
    weights = trained_teacher(prepared(spec, folder), threads=THREADS)
    for name, one in (("work", spec), ("warm", warm_up(spec))):
        write_work(one, folder / name, workers=0, weights=weights)
    names = [name for name in (LAB, LEAN, TUTORIAL) if name in rivals]
    if images > MOST_FOR_SCRIPT and TUTORIAL in names:
        names.remove(TUTORIAL)
    heat = Heat(seeds=[(seed,) for seed in GROWTH_SEEDS], variants=("distilled T=4",))
    print(f"{images} images, {epochs} epochs:", flush=True)
    outcomes, _ = race(
        dict.fromkeys(names, heat), folder / "work", warm_up=folder / "warm", threads=THREADS, device="cpu", logs=folder
    )
    seconds = {name: [one["seconds"] for one in outcomes[name]] for name in names}
    rows = []
    for name in names:
        found = summary(name, outcomes[name], seconds=seconds[name])
        ours = ratios(seconds[LAB], seconds[name]) if LAB in seconds else []
        rows.append({
            "grows": grows, "images": images, "epochs": epochs,
            **{column: found[column] for column in ("rival", "seconds", "least")},
            "ms an image": round(1000 * found["seconds"] / (images * epochs), 3),
            "times ours": round(median(ours), 2) if ours else "",
            **{column: found[column] for column in ("memory MB", "of it loaded MB", "accuracy %")},
        })
    return rows
