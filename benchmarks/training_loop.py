"""What the cohort trainer costs over a bare hand-written loop that does the same work.

    python -m benchmarks.training_loop

Both train the default preset's student for some epochs on the same batches of fixed views with cached teacher answers,
the same losses, learning rates, validation and best-epoch copies. Rounds are interleaved; the ratio is that of medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.report import write_result
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.schedule import learning_rate

ROUNDS = 9


def ours(checked: Checked, teacher: torch.nn.Module, names: tuple[str, ...]) -> float:
    runs = [run for run in checked.plan.cohorts[0].runs if run.name in names]
    cohort = student_cohort(checked, runs, teacher, Surroundings.silent())
    start = time.perf_counter()
    cohort.fit()
    return time.perf_counter() - start


def bare(checked: Checked, teacher: torch.nn.Module, names: tuple[str, ...]) -> float:
    """One plain loop after another, as one would write them for a single experiment."""
    runs = [run for run in checked.plan.cohorts[0].runs if run.name in names]
    stream = student_cohort(checked, runs, teacher, Surroundings.silent()).candidates[0].stream
    pool, labels, rows_count, batch = stream._pool, stream.labels, stream.rows, stream.batch_size
    training = checked.spec.student_training
    held = stream.normalise(checked.data.train_inputs[checked.split.student_validation])
    held_labels = checked.data.train_labels[checked.split.student_validation]
    seconds = 0.0
    for run in runs:
        model = checked.network(run.architecture, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01, fused=True)
        total = training.epochs * training.steps_per_epoch
        temperature = 8.0 if run.needs_teacher else None
        start = time.perf_counter()
        if temperature:
            with torch.no_grad():
                answers = torch.cat([teacher(part) for part in pool.split(512)])
        order, step, best = torch.randperm(rows_count), 0, -1.0
        for _ in range(training.epochs):
            losses = torch.zeros(())
            for _ in range(training.steps_per_epoch):
                place = step % (rows_count // batch)
                if place == 0:
                    order = torch.randperm(rows_count)
                rows = order[place * batch : (place + 1) * batch]
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(training, step, total)
                model.train()
                logits = model(pool[rows])
                if temperature:
                    loss = (
                        F.kl_div(
                            F.log_softmax(logits / temperature, 1),
                            F.log_softmax(answers[rows] / temperature, 1),
                            reduction="batchmean",
                            log_target=True,
                        )
                        * temperature**2
                    )
                else:
                    loss = F.cross_entropy(logits, labels[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                losses += loss.detach()
                step += 1
            model.eval()
            with torch.no_grad():
                out = model(held)
                accuracy = (out.argmax(1) == held_labels).float().mean().item()
                F.cross_entropy(out, held_labels).item()
            if accuracy >= best:
                best = accuracy
                kept = {name: value.clone() for name, value in model.state_dict().items()}
            losses.item()
        assert kept
        seconds += time.perf_counter() - start
    return seconds


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        checked = deep_check(find_preset("digits").spec, home=Home(Path(folder)))
    teacher = checked.network(checked.spec.teacher.architecture, seed=50).eval()
    cases = {
        "alone": ("alone",),
        "distilled": ("distilled T=8",),
        "cohort of 4": ("alone", "alone, label smoothing", "distilled T=1", "distilled T=8"),
    }
    rows = []
    for title, names in cases.items():
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(ROUNDS):
            times["ours"].append(ours(checked, teacher, names))
            times["bare"].append(bare(checked, teacher, names))
        lab, plain = statistics.median(times["ours"]), statistics.median(times["bare"])
        rows.append(
            {
                "case": title,
                "lab_seconds": round(lab, 3),
                "bare_seconds": round(plain, 3),
                "ratio": round(lab / plain, 3),
                "ratio_of_minima": round(min(times["ours"]) / min(times["bare"]), 3),
                "rounds": ROUNDS,
            }
        )
    write_result("training_loop", __doc__ or "", rows)


if __name__ == "__main__":
    main()
