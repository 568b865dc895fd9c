"""A family as dots: every network with its score and what it costs, the Pareto edge among them, and the winner
under limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from distill_core.charts.descent import VariantKey, is_made, latency_at, mean_of, parents_of, root_of, variant_key
from distill_core.charts.names import lineage_name
from distill_core.charts.style import Theme
from distill_core.charts.units import milliseconds, size
from distill_core.charts.variants import Spread, Variant, choose, spread, variants
from distill_core.evaluation.metrics import METRICS, primary_metric
from distill_core.events import LatencyRow
from distill_core.language import _
from distill_core.rows import RunRow

Cost = Literal["latency", "size", "macs", "parameters"]
MOST_CHILDREN = 40


@dataclass(frozen=True)
class Member:
    """One variant; `costs` has None for what was not measured. Bytes are the ONNX file's where there is one."""

    variant: Variant
    score: Spread
    parameters: float
    costs: Mapping[Cost, float | None]
    latency: LatencyRow | None

    @property
    def is_child(self) -> bool:
        return self.variant.role == "compressed"


@dataclass(frozen=True)
class Family:
    """The members to show, each compressed one with the member it was made of, and what was left out in sentences."""

    members: tuple[Member, ...]
    parents: Mapping[str, str]
    """By group: a child's to its parent's, if both are members."""
    notes: tuple[str, ...]

    def of_group(self, group: str) -> Member:
        return next(member for member in self.members if member.variant.group == group)


@dataclass(frozen=True)
class Limits:
    """What a network must keep to: bytes, milliseconds (p50), and a score in its own unit; None: no limit."""

    most_bytes: float | None = None
    most_ms: float | None = None
    least_score: float | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.most_bytes, self.most_ms, self.least_score))


def family_of(runs: Sequence[RunRow], *, theme: Theme, batch: int = 1, threads_used: int = 1) -> Family:
    """Every variant that was tested; at most eight trained ones, and 40 made of them."""
    trained, notes = choose([run for run in runs if run.role != "compressed"], theme)
    kept = {run.run_id for variant in trained for run in variant.runs}
    parents = parents_of(runs)
    by_key: dict[VariantKey, RunRow] = {}
    for run in runs:
        by_key.setdefault(variant_key(run), run)

    def belongs(run: RunRow) -> bool:
        root = root_of(variant_key(run), parents)
        return root[1] == "compressed" or by_key[root].run_id in kept

    children = [run for run in runs if run.role == "compressed" and belongs(run)]
    several = len({run.experiment_id for run in runs}) > 1
    # Looks are those of all other charts, unless the few shown of several experiments would have what others left.
    looked = [run for run in runs if run.run_id in kept] + children if notes and several else runs
    wanted = kept | {run.run_id for run in children}
    found = [variant for variant in variants(looked, theme) if variant.first.run_id in wanted]
    small = [variant for variant in found if variant.role == "compressed"]
    shown = [variant for variant in found if variant.role != "compressed"] + small[:MOST_CHILDREN]
    if len(small) > MOST_CHILDREN:
        notes = [*notes, _(
            "{more} compressed ones more not shown: at most {most}."
        ).format(more=len(small) - MOST_CHILDREN, most=MOST_CHILDREN)]
    members = [
        member for variant in shown
        if (member := _member(variant, batch=batch, threads_used=threads_used)) is not None
    ]
    group_of_run = {run.run_id: member.variant.group for member in members for run in member.variant.runs}
    lineage = {
        member.variant.group: group_of_run[run.parent]
        for member in members for run in member.variant.runs if run.parent in group_of_run
    }
    return Family(tuple(members), lineage, tuple(notes))


def _member(variant: Variant, *, batch: int, threads_used: int) -> Member | None:
    score = spread(run.score for run in variant.runs)
    if score is None:
        return None
    row = latency_at(variant.runs, batch=batch, threads=threads_used)
    made = [run for run in variant.runs if is_made(run)]
    parameters = mean_of(run.parameters for run in made) or 0.0
    files = mean_of(run.onnx_size_bytes for run in made)
    costs: dict[Cost, float | None] = {
        "latency": row.p50 if row else None, "parameters": parameters, "macs": mean_of(run.macs for run in made),
        "size": files if files is not None else mean_of(run.size_bytes for run in made),
    }
    return Member(variant, score, parameters, costs, row)


def pareto(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, score) pairs those that no other is as cheap and better, or as good and cheaper than; by cost."""
    edge: list[tuple[float, float]] = []
    for cost, score in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not edge or score > edge[-1][1]:
            edge.append((cost, score))
    return edge


def checks_of(limits: Limits, *, metric: str) -> dict[str, Callable[[Member], bool]]:
    """Each limit that is set, in words, and whether a member keeps to it; what was not measured does not."""
    def within(cost: Cost, most: float) -> Callable[[Member], bool]:
        return lambda member: (found := member.costs[cost]) is not None and found <= most

    checks: dict[str, Callable[[Member], bool]] = {}
    if limits.most_bytes is not None:
        checks[_("at most {limit}").format(limit=size(limits.most_bytes))] = within("size", limits.most_bytes)
    if limits.most_ms is not None:
        checks[_("at most {limit}").format(limit=milliseconds(limits.most_ms))] = within("latency", limits.most_ms)
    if limits.least_score is not None:
        least = limits.least_score
        shown = f"{least * 100:g}%" if METRICS[metric].is_share else f"{METRICS[metric].title} {least:g}"
        checks[_("at least {limit}").format(limit=shown)] = lambda member: member.score.mean >= least
    return checks


def passing(family: Family, limits: Limits, *, metric: str) -> list[Member]:
    """Members that keep to every limit."""
    checks = checks_of(limits, metric=metric)
    return [member for member in family.members if all(check(member) for check in checks.values())]


def winner(members: Sequence[Member]) -> Member | None:
    """The most accurate; among equals the smaller file, then the faster one."""
    def rank(member: Member) -> tuple[float, float, float]:
        small, fast = member.costs["size"], member.costs["latency"]
        nothing = float("inf")
        return -member.score.mean, nothing if small is None else small, nothing if fast is None else fast

    return min(members, key=rank, default=None)


def verdict_on(family: Family, limits: Limits) -> str:
    """Who wins under the limits, in a sentence; or that nobody does and which limit excludes the most. Plain text."""
    if not family.members:
        return ""
    metric = primary_metric(family.members[0].variant.first.task)
    best = winner(passing(family, limits, metric=metric))
    checks = checks_of(limits, metric=metric)
    asked = _(" and ").join(filter(None, [", ".join([*checks][:-1]), *[*checks][-1:]]))
    if best is None:
        excluded = {
            words: sum(not check(member) for member in family.members) for words, check in checks.items()
        }
        hardest = max(excluded, key=lambda words: excluded[words])
        total = len(family.members)
        return _("No network keeps to {limits}. “{hardest}” excludes the most: {excluded} of {total}.").format(
            limits=asked, hardest=hardest, excluded=excluded[hardest], total=total
        )
    figures = [METRICS[metric].value(best.score.mean)]
    if not METRICS[metric].is_share:
        figures = [f"{METRICS[metric].title} {figures[0]}"]
    figures += [size(best.costs["size"])] if best.costs["size"] is not None else []
    figures += [milliseconds(best.costs["latency"])] if best.costs["latency"] is not None else []
    name = lineage_name(best.variant.first.name, 72)
    words = _("With {limits} the best is “{name}”: {figures}.") if asked else _("The best is “{name}”: {figures}.")
    return words.format(limits=asked, name=name, figures=", ".join(figures))
