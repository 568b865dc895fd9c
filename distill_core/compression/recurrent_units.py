"""Cuts hidden units out of LSTM and GRU layers, which general tools for cutting channels leave alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

Units = Mapping[tuple[int, str], Tensor]
"""Places of the units that stay, by layer and direction ("" or "_reverse"); as many in each."""


def recurrent_pair(network: nn.Module) -> tuple[nn.LSTM | nn.GRU, nn.Linear] | None:
    """The one recurrent layer of a network and the one linear layer that reads its units; None for other networks.

    Beside them there may be an embedding, and layers without weights.
    """
    weighted = [module for module in network.modules() if list(module.parameters(recurse=False))]
    cells = [module for module in weighted if isinstance(module, nn.LSTM | nn.GRU)]
    readers = [module for module in weighted if isinstance(module, nn.Linear)]
    others = [module for module in weighted if not isinstance(module, nn.LSTM | nn.GRU | nn.Linear | nn.Embedding)]
    if others or len(cells) != 1 or len(readers) != 1:
        return None
    cell, reader = cells[0], readers[0]
    fits = reader.in_features == cell.hidden_size * (2 if cell.bidirectional else 1) and not cell.proj_size
    return (cell, reader) if fits else None


@torch.no_grad()
def strongest_units(cell: nn.LSTM | nn.GRU, keep: int, *, norm: int) -> Units:
    """The units of each layer and direction whose weights, in and out of them, have the largest norm (1 or 2)."""
    found = {}
    for layer, direction in _directions(cell):
        of = f"_l{layer}{direction}"
        incoming = [getattr(cell, f"weight_{kind}{of}") for kind in ("ih", "hh")]
        # Rows are the units of one gate after another.
        parts = [weight.unflatten(0, (-1, cell.hidden_size)).transpose(0, 1).flatten(1) for weight in incoming]
        sizes = torch.cat([*parts, incoming[1].t()], 1).norm(p=norm, dim=1)
        found[layer, direction] = sizes.topk(keep).indices.sort().values
    return found


@torch.no_grad()
def keep_units(cell: nn.LSTM | nn.GRU, reader: nn.Linear, units: Units) -> None:
    """Cut all other units out of the layer and of what reads them, in place."""
    size, both = cell.hidden_size, 2 if cell.bidirectional else 1
    for layer, direction in list(_directions(cell)):
        kept, of = units[layer, direction], f"_l{layer}{direction}"
        rows = _rows(kept, len(getattr(cell, f"weight_hh{of}")) // size, size)
        incoming = getattr(cell, f"weight_ih{of}")[rows]
        if layer:
            incoming = incoming[:, _read(units, layer - 1, size)]
        _replace(cell, f"weight_ih{of}", incoming)
        _replace(cell, f"weight_hh{of}", getattr(cell, f"weight_hh{of}")[rows][:, kept])
        for name in (f"bias_ih{of}", f"bias_hh{of}"):
            if hasattr(cell, name):
                _replace(cell, name, getattr(cell, name)[rows])
    _replace(reader, "weight", reader.weight[:, _read(units, cell.num_layers - 1, size)])
    cell.hidden_size = len(next(iter(units.values())))
    reader.in_features = cell.hidden_size * both
    cell.flatten_parameters()


@torch.no_grad()
def silence_units(cell: nn.LSTM | nn.GRU, reader: nn.Linear, units: Units) -> None:
    """Make nothing read the units that `keep_units` would cut, in place: the answers are the same."""
    size = cell.hidden_size
    for layer, direction in _directions(cell):
        _zero_columns(getattr(cell, f"weight_hh_l{layer}{direction}"), units[layer, direction])
        if layer:
            _zero_columns(getattr(cell, f"weight_ih_l{layer}{direction}"), _read(units, layer - 1, size))
    _zero_columns(reader.weight, _read(units, cell.num_layers - 1, size))


def _directions(cell: nn.LSTM | nn.GRU) -> Iterator[tuple[int, str]]:
    for layer in range(cell.num_layers):
        yield from ((layer, direction) for direction in (("", "_reverse") if cell.bidirectional else ("",)))


def _rows(kept: Tensor, gates: int, size: int) -> Tensor:
    return torch.cat([kept + gate * size for gate in range(gates)])


def _read(units: Units, layer: int, size: int) -> Tensor:
    """Columns of whatever reads a layer: its forward units, then its backward ones."""
    both = [units[layer, direction] for direction in ("", "_reverse") if (layer, direction) in units]
    return torch.cat([kept + number * size for number, kept in enumerate(both)])


def _zero_columns(weight: Tensor, kept: Tensor) -> None:
    cut = torch.ones(weight.shape[1], dtype=torch.bool, device=weight.device)
    cut[kept] = False
    weight[:, cut] = 0.0


def _replace(module: nn.Module, name: str, value: Tensor) -> None:
    setattr(module, name, nn.Parameter(value.clone()))


def kept_of(count: int, ratio: float, round_to: int) -> int:
    """How many of so many channels or units stay when a share is cut: rounded, then up to a multiple; 0 if none."""
    # Half a channel stays: round() would take 2.5 for 2 and 3.5 for 4.
    keep = math.floor(count * (1 - ratio) + 0.5 + 1e-9)
    return min(count, math.ceil(keep / round_to) * round_to)
