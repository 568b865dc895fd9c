"""Batches of a transfer set: which samples and views each step sees, a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from distill_core.datasets.samples import Samples
from distill_core.generators.variants import Originals, VariantMaker
from distill_core.planned import Precision
from distill_core.spec import Views
from distill_core.training.answer_store import AnswerStore
from distill_core.training.batches import Batch, Block, asked_at_once
from distill_core.training.normaliser import Normaliser
from distill_core.training.precision import as_half, computing, network_precision, whole
from distill_core.training.split import TransferSet
from distill_core.training.taps import TapReader
from distill_core.training.teachers import first_of, folded_teacher
from distill_core.training.views import alter, generator_for, seed_for

# Streams of random numbers that must not meet: order of samples, fixed views, fresh views, dropout, variants.
ORDER, FIXED_VIEWS, FRESH_VIEWS, NOISE, VARIANTS = 777, 999, 1999, 2999, 3999
LARGEST_POOL_BYTES = 2**29
LARGEST_RESIDENT_BYTES = 2**30
LARGEST_DONORS_BYTES = 2**27
MOST_TOGETHER, LARGEST_BLOCK = 16, 2**18
"""Small batches are made so many at once, of at most so many numbers: a call costs more than what it computes."""
Ask = Callable[[nn.Module, Tensor], tuple[Tensor, dict[str, Tensor]]]
"""A teacher, inputs [B,*shape] -> its logits, and what passes its taps."""


def seed_noise(seed: int, step: int, device: torch.device, *, apart: int = 0) -> None:
    """Seed what layers draw at a step of a run; other numbers for each `apart`."""
    seed = seed_for(seed, NOISE, step) + apart
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@dataclass(frozen=True)
class Variation:
    """What makes variants, and the share of each batch that they replace."""

    maker: VariantMaker
    share: float


class Stream:
    """The endless sequence of batches that all rivals on one transfer set share.

    With K fixed views the pool holds K*n rows: row v*n+i is view v of sample i of the transfer set.
    Each pass over the pool is a new permutation; the incomplete last batch of a pass is dropped.
    """

    def __init__(
        self, data: Samples, transfer: TransferSet, views: Views, *, batch_size: int, seed: int, device: torch.device,
        variation: Variation | None = None, precision: Precision = "float32",
    ) -> None:
        self.transfer, self.views, self.batch_size, self.seed = transfer, views, batch_size, seed
        self.normalise = Normaliser(data, device)
        self.device, self.variation, self.signature, self.precision = device, variation, data.signature, precision
        self.labels = transfer.labels.to(device)
        self.teacher_taps: frozenset[str] = frozenset()
        self._data = data
        stored = data.train_inputs
        small = stored[0].numel() * stored.element_size() * len(transfer.indices) <= LARGEST_RESIDENT_BYTES
        # What is too large stays where it is, memory-mapped perhaps, and is gathered batch by batch.
        self._resident = data.train_rows(transfer.indices).to(device) if small else None
        self._pool: Tensor | None = None
        self._ready = False
        count = views.fixed_views
        if count is not None and (count > 1 or self._resident is not None):
            self._pool = self._fixed_pool(count)
            self.labels = self.labels.repeat(count, *(1 for _ in self.labels.shape[1:]))
        self.rows = len(transfer.indices) * (count or 1)
        self.batches_per_pass = max(self.rows // batch_size, 1)
        # Of a batch, as the student reads it or as the teacher answers it.
        numbers = batch_size * max(stored[0].numel(), data.signature.outputs * transfer.labels[:1].numel())
        self._together = 1 if variation is not None else max(1, min(MOST_TOGETHER, LARGEST_BLOCK // numbers))
        self.at_once = asked_at_once(stored.shape[1:])
        """How many rows of the pool the teacher is asked about at once."""
        self._block: Block | None = None
        self._order: tuple[int, Tensor] | None = None
        self._answers: tuple[nn.Module, Tensor, dict[str, Tensor]] | None = None
        self._quick: tuple[nn.Module, nn.Module, Precision] | None = None
        self.store: AnswerStore | None = None
        """Where answers are kept for later trainings; None: nowhere."""
        self._rounding = torch.zeros((), device=device)
        self._first_asked: tuple[nn.Module, Tensor, Tensor] | None = None
        self._error = 0.0
        self._donors = None if variation is None else self._chosen_donors()

    def _fixed_pool(self, count: int) -> Tensor:
        stored = self._stored(torch.arange(len(self.transfer.indices)))
        views = [stored]
        for view in range(1, count):
            generator = generator_for(self.seed, FIXED_VIEWS, view)
            altered = alter(self.normalise.raw(stored), self.views.augmentation, generator)
            views.append((altered * 255).round().to(torch.uint8) if stored.dtype == torch.uint8 else altered)
        pool = torch.cat(views)
        # Small pools are kept ready normalised; large ones stay bytes and are normalised a batch at a time.
        self._ready = self.variation is None and pool.numel() * 4 <= LARGEST_POOL_BYTES
        return self.normalise(pool) if self._ready else pool

    def _chosen_donors(self) -> Tensor:
        """What variants take replacements from: the transfer set, of a large one as many at random as fit in memory."""
        if self._resident is not None:
            return self._resident
        stored = self._data.train_inputs
        most = max(LARGEST_DONORS_BYTES // (stored[0].numel() * stored.element_size()), 1)
        order = torch.randperm(len(self.transfer.indices), generator=generator_for(self.seed, VARIANTS))
        return self._stored(order[:most].sort().values)

    def _stored(self, samples: Tensor) -> Tensor:
        """Inputs of samples of the transfer set as they are stored, on the device."""
        if self._resident is not None:
            return self._resident[samples.to(self.device)]
        return self._data.train_rows(self.transfer.indices[samples.cpu()]).to(self.device)

    def rows_of(self, step: int) -> Tensor:
        """Rows [B] of the pool at a step, on the CPU."""
        number, place = divmod(step, self.batches_per_pass)
        if self._order is None or self._order[0] != number:
            self._order = (number, torch.randperm(self.rows, generator=generator_for(self.seed, ORDER, number)))
        return self._order[1][place * self.batch_size : (place + 1) * self.batch_size]

    def batch(self, step: int) -> Batch:
        if self._block is None or not 0 <= step - self._block.first < len(self._block.batches):
            self._block = self._made(step)
        return self._block.batches[step - self._block.first]

    def _made(self, step: int) -> Block:
        """The block that has a step; where it begins depends on nothing but the step."""
        first = step - step % self._together
        steps = range(first, first + self._together)
        rows = torch.cat([self.rows_of(one) for one in steps]).to(self.device)
        labels = self.labels[rows]
        fixed = self.views.fixed_views is not None
        if fixed and self.variation is None:
            inputs = self._inputs(rows)
        else:
            raw = self.normalise.raw(self._pooled(rows) if fixed else self._stored(rows))
            if not fixed:
                generators = [generator_for(self.seed, FRESH_VIEWS, one) for one in steps]
                raw = alter(raw, self.views.augmentation, *generators)
            if self.variation is not None:
                return Block(first, rows, [self._varied(raw, labels, self.variation, first)])
            inputs = self.normalise(raw)
        parts = zip(steps, *(self._parts(values) for values in (inputs, labels, rows)), strict=True)
        return Block(first, rows, [
            Batch(inputs=some, labels=known, rows=where if fixed else None, step=one)
            for one, some, known, where in parts
        ])

    def _parts(self, values: Tensor) -> Sequence[Tensor]:
        """Those of each batch of a block. "Unsafe" ones know nothing of each other: what a network or a loss changes in
        place in one of them must not make autograd follow the others."""
        return values.unsafe_chunk(self._together)

    def _varied(self, raw: Tensor, labels: Tensor, variation: Variation, step: int) -> Batch:
        """The first share of the batch, whose order is random, replaced by its variants."""
        count = max(1, round(variation.share * len(raw)))
        assert self._donors is not None
        originals = Originals(inputs=raw[:count], labels=labels[:count], pool=self._donors, signature=self.signature)
        made = variation.maker(originals, generator_for(self.seed, VARIANTS, step))
        inputs = self.normalise(torch.cat([made.inputs, raw[count:]]))
        labels = torch.cat([made.labels, labels[count:]])
        if made.partner_labels is None or made.share is None:
            return Batch(inputs=inputs, labels=labels, rows=None, step=step)
        unmixed = torch.ones(len(raw) - count, device=made.share.device)
        return Batch(
            inputs=inputs, labels=labels, rows=None, step=step, share=torch.cat([made.share, unmixed]),
            partner_labels=torch.cat([made.partner_labels, labels[count:]]),
        )

    def _pooled(self, rows: Tensor) -> Tensor:
        return self._stored(rows) if self._pool is None else self._pool[rows]

    def _inputs(self, rows: Tensor) -> Tensor:
        inputs = self._pooled(rows)
        return inputs if self._ready else self.normalise(inputs)

    def inputs_of(self, step: int, begin: int, end: int) -> Tensor:
        """`batch(step).inputs[begin:end]`, without making the rest of it where that can be done."""
        if self.views.fixed_views is not None and self.variation is None:
            return self._inputs(self.rows_of(step)[begin:end].to(self.device))
        return self.batch(step).inputs[begin:end]

    @torch.no_grad()
    def teacher_answers(
        self, teacher: nn.Module, batch: Batch, *, ask: Ask | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The teacher's logits for a batch and what passes its taps: once per row with fixed views, else computed now.

        The teacher must be in eval mode. `ask` None: `self.ask`, for what is computed now.
        """
        ask = ask or self.ask
        if batch.rows is None:
            return self._fresh_answers(teacher, batch, ask)
        if self._answers is None or self._answers[0] is not teacher:
            self._answers = (teacher, *self._ask_all(teacher))
        _, known, taps = self._answers
        logits = self._answers_of(batch, teacher, known)
        if not taps and self.teacher_taps:
            return logits, ask(teacher, batch.inputs)[1]
        return logits, {name: seen[batch.rows] for name, seen in taps.items()}

    def _answers_of(self, batch: Batch, teacher: nn.Module, known: Tensor) -> Tensor:
        """A batch's rows of the known logits; those of a whole block are gathered in one go."""
        block = self._block
        place = -1 if block is None else batch.step - block.first
        if block is None or not 0 <= place < len(block.batches) or block.batches[place] is not batch:
            return known[batch.rows]
        if block.teacher is not teacher:
            block.teacher, block.logits = teacher, self._parts(known[block.rows])
        return block.logits[place]

    def _fresh_answers(self, teacher: nn.Module, batch: Batch, ask: Ask) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits from the store, if they are there; where taps are read, the teacher is asked in any case."""
        if self.store is None or self.teacher_taps:
            return ask(teacher, batch.inputs)
        number, place = divmod(batch.step, self.batches_per_pass)
        return self._kept_or(number, place, teacher, lambda: batch.inputs, ask), {}

    def _kept_or(self, number: int, place: int, teacher: nn.Module, inputs: Callable[[], Tensor], ask: Ask) -> Tensor:
        """A batch's logits from the store if they are there; else the teacher is asked, and the store told."""
        assert self.store is not None
        found = self.store.read(number, place)
        if found is None:
            return self.store.asked(number, place, lambda: ask(teacher, inputs())[0], device=self.device)
        return found.to(self.device)

    def largest_rounding(self) -> float:
        """By how much a logit was rounded most to be kept in 16 bits; 0 where none is."""
        return float(self._rounding)

    @torch.no_grad()
    def largest_error(self) -> float:
        """By how much a logit of the first batch asked in 16 bits differs most from 32 bits; 0 where all is 32 bits.

        Of what was read, the error that was measured when it was asked.
        """
        if self._first_asked is not None:
            teacher, inputs, logits = self._first_asked
            # TF32 would keep 11 of the 24 bits that are compared with.
            with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
                self._error = float((logits - teacher(inputs)).abs().max())
            self._first_asked = None
        return max(self._error, 0.0 if self.store is None else self.store.error_read)

    def ask(self, teacher: nn.Module, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The teacher's logits for inputs [B,*shape] and what passes its taps.

        In bfloat16 the logits come from a folded copy and are rounded to float16, whether taps are read or not and
        wherever they are kept: so no rival and no store changes what a student sees.
        """
        if self.precision == "float32":
            with TapReader(first_of(teacher), self.teacher_taps).reading() as seen:
                return teacher(inputs), seen
        first = self._quick is None or self._quick[0] is not teacher
        if self._quick is None or first:
            quick = folded_teacher(teacher).to(memory_format=self.normalise.format)
            self._quick = (teacher, quick, network_precision(self.precision, teacher, self.device))
        with computing(self._quick[2], self.device):
            logits = self._quick[1](inputs).float()
            with TapReader(first_of(teacher), self.teacher_taps).reading() as seen:
                if self.teacher_taps:
                    first_of(teacher)(inputs)
        rounded = as_half(logits)
        self._rounding = torch.maximum(self._rounding, (rounded - logits).abs().max())
        if first:
            # Compared later: what is kept is chosen by the time that asking takes.
            self._first_asked = (teacher, inputs.clone(), rounded)
        return rounded, {name: whole(value) for name, value in seen.items()}

    def _ask_all(self, teacher: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits of every row; what passes the taps only where all of it fits in memory, else it is asked at each step.

        Logits are always kept, so that a rival's layers change nothing for those that read logits alone.
        """
        if self.store is not None and not self.teacher_taps:
            parts = torch.arange(self.rows, device=self.device).split(self.at_once)
            return torch.cat([
                self._kept_or(0, place, teacher, partial(self._inputs, part), self.ask)
                for place, part in enumerate(parts)
            ]), {}
        answers = []
        for part in torch.arange(self.rows, device=self.device).split(self.at_once):
            logits, taps = self.ask(teacher, self._inputs(part))
            bytes_a_row = sum(seen[0].numel() * seen.element_size() for seen in taps.values())
            answers.append((logits, taps if bytes_a_row * self.rows <= LARGEST_POOL_BYTES else {}))
        names = answers[0][1]
        return torch.cat([logits for logits, _ in answers]), {
            name: torch.cat([taps[name] for _, taps in answers]) for name in names
        }
