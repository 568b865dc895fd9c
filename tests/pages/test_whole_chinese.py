"""probe"""
from __future__ import annotations
import re, os
import pytest
from tests.pages.shown import shown
from tests.fixtures import *
from tests.lens_samples import build_lens_digits
from tests.trying_samples import build_tryable_digits
from tests.task_samples import build_task_experiment
from tests.examined_samples import write_examination
from distill_core.store.store import Store
from distill_core.jobs.previewing import Previews

RUN = re.compile(r"[A-Za-z][A-Za-z'’-]+(?:[ ,:;]+[A-Za-z][A-Za-z'’-]+){1,}")

def english(app):
    found = {}
    for t in shown(app):
        t2 = re.sub(r"`[^`]*`|https?://\S+|<[^>]*>", " · ", t)
        for m in RUN.findall(t2):
            found.setdefault(m, t)
    return found

def test_probe(open_page, home, layers, monkeypatch):
    lens = build_lens_digits(home)
    done = build_compressed_experiment(home, experiment_id="compressed", seeds=3)
    running = build_running_experiment(home, experiment_id="running").experiment_id
    queued = create_experiment(home, experiment_id="queued").experiment_id
    write_examination(home, Store(home).experiment(lens))
    pages = [("experiments/overview.py", {}), ("experiments/design.py", {}), ("experiments/queue.py", {}), ("data/library.py", {}), ("compare/runs.py", {"id": [done, lens]}), ("trying/ask.py", {"id": lens}), ("lens/lens.py", {"id": lens}), ("latency/lab.py", {}), ("machine/doctor.py", {}), ("machine/storage.py", {}), ("machine/self_check.py", {}), ("report/report.py", {"id": done}), ("experiments/compress.py", {"id": done}), ("learn/lessons.py", {}), ("machine/audit.py", {})]
    for e in (done, running, queued, lens):
        for tab in ("Runs", "Trade-off", "Curves", "Compression", "Spec", "Log"):
            pages.append(("experiments/detail.py", {"id": e, "tab": tab}))
    for g in ("sure", "figures", "teacher", "classes", "samples", "robust", "inside"):
        pages.append(("evidence/evidence.py", {"id": lens, "panel": g}))
    for k in ("regression", "tagging"):
        e = build_task_experiment(home, k)
        pages.append(("experiments/detail.py", {"id": e}))
        pages.append(("experiments/detail.py", {"id": e, "tab": "Trade-off"}))
        for g in ("sure", "figures", "teacher", "classes", "samples", "robust", "inside"):
            pages.append(("evidence/evidence.py", {"id": e, "panel": g}))
    seen = set()
    with open("/tmp/w2/probe.txt", "w") as out:
        for file, params in pages:
            try:
                app = open_page(file, lang="zh", **params)
            except Exception as err:
                print("==", file, params, "CRASH", err, file=out); continue
            print("==", file, params, [e.value for e in app.exception], file=out)
            for m, t in english(app).items():
                if m in seen: continue
                seen.add(m)
                print("   ", repr(m), "<-", repr(t[:200]), file=out)
