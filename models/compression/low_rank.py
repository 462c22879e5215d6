"""Low-rank factorization: a matrix as the product of two thin ones, by its largest singular values (Eckart & Young 1936).

Word vectors and dense layers are computed with in two steps. A recurrent layer's matrices are stored as factors and
multiplied when the student is loaded, as ONNX's cells take whole matrices: smaller, and as fast as before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from distune.models.compression.config import LowRankConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.errors import ModelError
from distune.models.students.student import Student


class FactorisedTable(nn.Module):
    """Word vectors `[tokens, rank]` times `[rank, dimension]`."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        left, right = factors(weight, rank)
        self.weight, self.axes = nn.Parameter(left), nn.Parameter(right)
        self.num_embeddings = len(left)

    def forward(self, token_ids: Tensor) -> Tensor:
        return nn.functional.embedding(token_ids, self.weight, padding_idx=0) @ self.axes


def factorise(trained: Trained, config: LowRankConfig, material: CalibrationData) -> Trained:
    """The student with every matrix that this makes smaller as a product of two.

    Raises ModelError for a student that was factorised before, or whose word vectors are in 8 bits.
    """
    if trained.structure.ranks or trained.structure.int8_embedding:
        raise ModelError("low_rank cannot follow low_rank or embedding_int8: factorise first, and once")
    student = copy.deepcopy(trained.student)
    ranks = {}
    for name, weight in _weights(student):
        rank = _rank(weight, config)
        rows, columns = weight.shape
        if rank * (rows + columns) < rows * columns:
            ranks[name] = rank
    use_factors(student, ranks)
    # What is tuned on moves out of the rank that a recurrent matrix was cut to; it is cut again.
    material.tune(student, config.epochs)
    _cut_recurrent(student, ranks)
    return replace(trained, student=student, structure=replace(trained.structure, ranks=ranks))


def _weights(student: Student) -> Iterator[tuple[str, Tensor]]:
    """Every matrix that can be factorised, by the name of its layer (of a recurrent one, of the parameter)."""
    for name, module in student.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            yield name, module.weight.detach()
        elif isinstance(module, nn.LSTM | nn.GRU):
            for parameter, weight in module.named_parameters():
                if parameter.startswith("weight"):
                    yield f"{name}.{parameter}", weight.detach()


def _rank(weight: Tensor, config: LowRankConfig) -> int:
    if config.rank is not None:
        return int(min(config.rank, *weight.shape))
    squares: Tensor = torch.linalg.svdvals(weight).square()
    kept = squares.cumsum(0) / squares.sum().clamp_min(1e-30)
    return int(min(int((kept < config.energy).sum()) + 1, *weight.shape))


def factors(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """`[rows, rank]` and `[rank, columns]` whose product is the nearest of that rank."""
    if not weight.any():  # A student that is built for its weights has none yet.
        return torch.zeros(weight.shape[0], rank), torch.zeros(rank, weight.shape[1])
    u, s, v = torch.linalg.svd(weight.detach(), full_matrices=False)
    return u[:, :rank] * s[:rank], v[:rank].contiguous()


def use_factors(student: Student, ranks: dict[str, int]) -> None:
    """Put factorised layers in the place of those named, and cut recurrent matrices to their ranks."""
    for name, rank in ranks.items():
        module = _module(student, name)
        holder, _, last = name.rpartition(".")
        if isinstance(module, nn.Embedding):
            setattr(_module(student, holder), last, FactorisedTable(module.weight.detach(), rank))
        elif isinstance(module, nn.Linear):
            setattr(_module(student, holder), last, _factorised_linear(module, rank))
    _cut_recurrent(student, ranks)


def _module(student: nn.Module, name: str) -> nn.Module | Tensor:
    found: nn.Module | Tensor = student
    for part in name.split(".") if name else []:
        found = getattr(found, part)
    return found


def _factorised_linear(layer: nn.Linear, rank: int) -> nn.Sequential:
    weight, bias = layer.weight.detach(), layer.bias
    left, right = factors(weight, rank)
    first = nn.Linear(weight.shape[1], rank, bias=False)
    second = nn.Linear(rank, weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        first.weight.copy_(right)
        second.weight.copy_(left)
        if bias is not None:
            second.bias.copy_(bias)
    return nn.Sequential(first, second)


def _cut_recurrent(student: Student, ranks: dict[str, int]) -> None:
    with torch.no_grad():
        for name, rank in ranks.items():
            weight = _module(student, name)
            if isinstance(weight, Tensor):
                left, right = factors(weight, rank)
                weight.copy_(left @ right)


def factorise_graph(graph: bytes, ranks: dict[str, int]) -> bytes:
    """An ONNX graph whose recurrent matrices are stored as factors, to be multiplied when it is loaded."""
    if not any(name.split(".")[-1].startswith("weight_") for name in ranks):
        return graph
    model = onnx.load_from_string(graph)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    products = []
    for node in model.graph.node:
        for name in node.input[1:3] if node.op_type in ("LSTM", "GRU") else []:
            whole = torch.from_numpy(numpy_helper.to_array(stored[name]).copy())  # [directions, gates * hidden, inputs]
            rank = max(int(torch.linalg.matrix_rank(one, rtol=1e-5)) for one in whole)
            if rank * sum(whole.shape[1:]) >= whole.shape[1] * whole.shape[2]:
                continue
            pairs = [factors(one, rank) for one in whole]
            for side, parts in (("left", [left for left, _ in pairs]), ("right", [right for _, right in pairs])):
                model.graph.initializer.append(numpy_helper.from_array(torch.stack(parts).numpy(), f"{name}.{side}"))
            model.graph.initializer.remove(stored[name])
            products.append(helper.make_node("MatMul", [f"{name}.left", f"{name}.right"], [name]))
    nodes = [*products, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())
