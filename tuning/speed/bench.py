"""`distune bench`: the speed of a checkpoint folder, and of a teacher if one is given."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from distune.models.checkpoint_folder import CheckpointError
from distune.models.students.config import STUDENTS
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.teacher import load_teacher
from distune.tuning.speed.contenders import is_multi_label, onnx_contender, teacher_contender, torch_contender
from distune.tuning.speed.figures import printed_figures
from distune.tuning.speed.latency import cpu_name, time_contenders

_log = logging.getLogger(__name__)
TEACHER_MAX_LENGTH = 128
N_REHEARSED = 8


def bench(folder: Path, against: str | None, texts: list[str], console: Console, seed: int = 7) -> None:
    """Time a folder in ONNX Runtime and torch, alternating with the teacher; the last line printed is one JSON object."""
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise CheckpointError("there are no texts to time: give real ones, one a line, by --texts or on stdin")
    contenders = {"onnxruntime": onnx_contender(folder)}
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["student"]["kind"]
    if kind in STUDENTS.names_of_ours:
        contenders["torch"] = torch_contender(folder)
    else:
        console.print(f"torch is left out: it needs the plug of the student {kind}, and bench runs none", markup=False)
    if against:
        teacher = load_teacher(against, TEACHER_MAX_LENGTH, may_cut=True)
        for note in teacher.notes:
            _log.info(note)
        rehearse(teacher, texts[:N_REHEARSED])
        contenders["teacher"] = teacher_contender(teacher, of_several_labels=is_multi_label(folder))
    latencies = time_contenders(contenders, texts, seed)
    answer = "labels" if is_multi_label(folder) else "label"
    table = Table(title=f"{folder}: from raw text to {answer}, one thread of {cpu_name()}", title_justify="left")
    for heading in ("", "p50 ms", "p95 ms", "p99 ms", "texts/s", "of p50"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, latency in latencies.items():
        stages = ", ".join(f"{stage} {ms:.3f}" for stage, ms in latency.stages_ms.items())
        table.add_row(
            name,
            f"{latency.p50_ms:.3f}",
            f"{latency.p95_ms:.3f}",
            f"{latency.p99_ms:.3f}",
            f"{latency.texts_per_s:,.0f}",
            stages,
        )
    console.print(table)
    result: dict[str, Any] = {
        "folder": str(folder),
        "cpu": cpu_name(),
        **{name: printed_figures(one) for name, one in latencies.items()},
    }
    if against:
        result["times_faster"] = latencies["teacher"].p50_ms / latencies["onnxruntime"].p50_ms
    print(json.dumps(result, ensure_ascii=False))
