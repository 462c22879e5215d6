"""A student as an ONNX graph: `token_ids [batch, length]` and `lengths [batch]` to `logits [batch, classes]`.

That of a siamese student also gives `states [2 * batch, features]`, the vectors of all first texts and then of all second ones.
"""

from __future__ import annotations

import io
import warnings

import torch
from torch import nn

from distune.models.pair_vectors import STATES
from distune.models.students.student import Student, WithStates, has_states

OPSET = 17


def export_onnx(student: nn.Module) -> bytes:
    """The graph of a student in eval mode, batch and length free.

    torch's older exporter is asked for: the newer one cannot take the packed sequences of a recurrent network, and
    without them padding would change its answers.
    """
    # Rows that are pairs too: a token, the separator, a token. All texts are as long, as packed sequences go down in length.
    example = (torch.tensor([[1, 2, 1], [1, 2, 1]]), torch.tensor([3, 3]))
    was_training = student.training
    student.eval()
    buffer = io.BytesIO()
    exported, outputs = (
        (WithStates(student), ["logits", STATES])
        if isinstance(student, Student) and has_states(student)
        else (student, ["logits"])
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is deprecated, and warns of batch sizes that the contract tests cover.
        torch.onnx.export(
            exported,
            example,
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=["token_ids", "lengths"],
            output_names=outputs,
            dynamic_axes={
                "token_ids": {0: "batch", 1: "length"},
                "lengths": {0: "batch"},
                "logits": {0: "batch"},
                STATES: {0: "texts"},
            },
        )
    student.train(was_training)
    return _without_zero_states(buffer.getvalue())


def _without_zero_states(graph: bytes) -> bytes:
    """The graph without the initial states of recurrent cells: zero is what they start from anyway, and to make it costs
    five nodes."""
    import onnx  # Not every worker exports: speeds of one architecture are measured once.

    model = onnx.load_from_string(graph)
    nodes = {output: node for node in model.graph.node for output in node.output}
    for cell in model.graph.node:
        if cell.op_type in ("LSTM", "GRU") and all(nodes[s].op_type == "ConstantOfShape" for s in cell.input[5:]):
            del cell.input[5:]
    return bytes(model.SerializeToString())


def with_output(graph: bytes, name: str) -> bytes:
    """The graph with its logits under another name."""
    import onnx

    model = onnx.load_from_string(graph)
    (output,) = (one for one in model.graph.output if one.name != STATES)
    for node in model.graph.node:
        node.input[:] = [name if one == output.name else one for one in node.input]
        node.output[:] = [name if one == output.name else one for one in node.output]
    output.name = name
    return bytes(model.SerializeToString())


def pair_head(graph: bytes) -> bytes | None:
    """The part of a siamese student's graph from the states of the texts to the logits; None without one.

    A graph whose states depend on the range of a whole batch (dynamic INT8) has none: there a text alone has no state of its own.
    """
    import onnx
    from onnx.utils import Extractor

    model = onnx.load_from_string(graph)
    outputs = [one.name for one in model.graph.output]
    if STATES not in outputs:
        return None
    extractor = Extractor(model)
    before = extractor.extract_model(["token_ids", "lengths"], [STATES])
    if any(node.op_type.startswith("DynamicQuantize") for node in before.graph.node):
        return None
    (logits,) = (name for name in outputs if name != STATES)
    return bytes(extractor.extract_model([STATES], [logits]).SerializeToString())
