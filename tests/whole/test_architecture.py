"""The house keeps its plan: leaves do not know each other, and each vendor has one door."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.making.imports import LEAVES, ROOT, imports, modules_imported, sources

DOORS = {
    "jieba": {"corpora/encoding/words.py", "corpora/augment.py"},
    "rjieba": {"corpora/encoding/words.py"},
    "tokenizers": {"corpora/encoding/segmenting.py"},
    "pyarrow": {
        "corpora/arrow_columns.py",
        "corpora/saved_dataset.py",
        "corpora/decoding.py",
        "corpora/file_systems.py",
        "corpora/logits_export.py",
        "corpora/matrices.py",
        "corpora/parquet_blocks.py",
        "corpora/table_file.py",
        "corpora/augment.py",
        "corpora/places.py",
        "corpora/kept.py",
        "tuning/champion/answers.py",
        "tuning/serve/arrow_answers.py",
    },
    "transformers": {
        "models/teacher/loading.py",
        "models/teacher/head_kind.py",
        "models/teacher/heads.py",
        "models/teacher/lora.py",
        "models/teacher/teacher.py",
        "models/teacher/on_cpu.py",
        "models/teacher/own_code.py",
        "models/teacher/new_head.py",
        "models/teacher/start.py",
        "models/teacher/training.py",
        "models/teacher/tokenizing.py",
        "models/teacher/unknown_text.py",
        "models/teacher/word_states.py",
    },
    "datasets": {"corpora/hub_dataset.py"},
    "peft": {"models/teacher/lora.py"},
    "gensim": {"models/vectors/word_vectors.py", "models/vectors/keyed_vectors.py"},
    "onnxruntime": {"models/graph.py", "models/network.py", "models/predictor.py", "models/compression/int8.py"},
    "optuna": {
        "tuning/search/suggest.py",
        "tuning/search/importance.py",
        "tuning/storage/ending.py",
        "tuning/storage/journal.py",
        "tuning/storage/records.py",
        "tuning/storage/segments.py",
        "tuning/search/proposals.py",
        "tuning/search/run.py",
        "tuning/search/samplers.py",
        "tuning/report/dashboard.py",
        "tuning/report/pictures_parallel.py",
        "tuning/report/pictures_search.py",
    },
    "optuna_dashboard": {"tuning/report/dashboard.py"},
    "shtab": {"tuning/commands/students.py"},
    "ray": {
        "cluster/client.py",
        "cluster/connection.py",
        "cluster/jobs.py",
        "cluster/lost_workers.py",
        "cluster/on_ray.py",
        "tuning/search/lost_trials.py",
        "tuning/search/proposals.py",
        "tuning/search/run.py",
        "tuning/search/stopping.py",
        "tuning/search/worker.py",
    },
    "scipy": {
        "tuning/serve/movement.py",
        "tuning/champion/tfidf.py",
        "tuning/metric/temperature.py",
        "tuning/teachers/assignment.py",
        "tuning/teachers/set_assignment.py",
    },
    "starlette": {
        "tuning/serve/access.py",
        "tuning/serve/observing.py",
        "tuning/serve/reading.py",
        "tuning/serve/server.py",
        "tuning/serve/service.py",
        "tuning/serve/tensors.py",
    },
    "prometheus_client": {"tuning/serve/metrics.py"},
    "uvicorn": {"tuning/serve/connections.py", "tuning/serve/server.py"},
    "h11": {"tuning/serve/connections.py"},
    "plotly": {
        "tuning/report/style.py",
        "tuning/report/page.py",
        "tuning/report/places.py",
        "tuning/report/pictures.py",
        "tuning/report/pictures_front.py",
        "tuning/report/pictures_calibration.py",
        "tuning/report/pictures_compare.py",
        "tuning/report/pictures_coverage.py",
        "tuning/report/pictures_labels.py",
        "tuning/report/pictures_model.py",
        "tuning/report/pictures_parallel.py",
        "tuning/report/pictures_search.py",
    },
    "kaleido": {"tuning/report/pictures.py"},
    "jinja2": {"tuning/report/page.py"},
    "mlflow": {
        "tuning/tracking/following.py",
        "tuning/tracking/pulling.py",
        "tuning/tracking/registry.py",
        "tuning/tracking/runs.py",
        "tuning/tracking/store.py",
        "tuning/tracking/pyfunc_model.py",
    },
}
COMMANDS = "commands"
"""The room above all others: its files may import what stands in no room too."""
FLOORS = (
    {"serve"},
    {"speed", "metric"},
    {"trial"},
    {"study"},
    {"storage"},
    {"teachers"},
    {"search"},
    {"champion"},
    {"report", "tracking"},
)
"""The rooms of tuning/, from the ground up. `serve` stands by itself."""
PACKED = (
    "models/distune_student.py",
    "models/answer_lines.py",
    "models/checkpoint_folder.py",
    "models/decision.py",
    "models/graph.py",
    "models/pair_vectors.py",
    "models/answers.py",
    "models/network.py",
    "models/predictor.py",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "corpora" / "encoding").glob("*.py"))),
)
"""The files of the package `distune_student` in a checkpoint."""
SHARED = ("_kinds", "_plug_files", "_pairs", "_plural", "_digits")
"""The files of distune/ that every leaf may import."""
TRAVELLERS = (*PACKED, "tuning/tracking/pyfunc_model.py")


def test_leaves_do_not_import_each_other() -> None:
    wrong = {
        (name, package)
        for name, path in sources().items()
        for package in imports(path) & {*LEAVES, "tuning"}
        if name.split("/")[0] in LEAVES and package != name.split("/")[0]
    }
    assert wrong == set()


def test_each_vendor_comes_in_by_its_door() -> None:
    wrong = {
        (name, vendor)
        for name, path in sources().items()
        for vendor in imports(path)
        if name not in DOORS.get(vendor, {name})
    }
    assert wrong == set()


def test_every_door_is_used() -> None:
    unused = {(vendor, name) for vendor, names in DOORS.items() for name in names if vendor not in imports(ROOT / name)}
    assert unused == set()


def test_files_that_travel_import_nothing_of_the_project() -> None:
    for name in TRAVELLERS:
        assert imports(ROOT / name) & {*LEAVES, "tuning", "distune"} == set(), name


def test_what_is_packed_into_a_checkpoint_imports_its_neighbours_and_little_else() -> None:
    allowed = {"numpy", "onnxruntime", "jieba", "rjieba", "tokenizers", *sys.stdlib_module_names}
    for name in PACKED:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert {node.level for node in froms} <= {0, 1}, name
        beside = {f"{node.module}.{alias.name}" for node in froms if node.level for alias in node.names}
        assert {module.split(".")[0] for module in modules_imported(ROOT / name) - beside} <= allowed, name


def rooms_imported(path: Path) -> set[str]:
    """The X of each `distune.tuning.X...` that a file imports; "" for a file of the commands."""
    parts = [name.split(".")[2] for name in modules_imported(path) if name.startswith("distune.tuning.")]
    return {part if (ROOT / "tuning" / part).is_dir() else "" for part in parts}


def test_rooms_of_tuning_import_only_what_is_beneath_them() -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    wrong = {
        (name, other)
        for name, path in sources().items()
        if name.startswith("tuning/") and len(parts := Path(name).parts) > 2 and parts[1] != COMMANDS
        for other in rooms_imported(path) - {parts[1]}
        if other == "serve" or floor.get(other, 99) >= floor[parts[1]]
    }
    assert wrong == set()


def test_every_room_of_tuning_stands_on_a_floor() -> None:
    rooms = {path.parent.name for path in (ROOT / "tuning").glob("*/__init__.py")}
    assert rooms == {*set().union(*FLOORS), COMMANDS}


def test_few_files_of_tuning_stand_in_no_room() -> None:
    assert len(list((ROOT / "tuning").glob("*.py"))) <= 8


def test_an_init_of_a_room_imports_nothing() -> None:
    for path in (ROOT / "tuning").rglob("__init__.py"):
        assert imports(path) == set(), path


def test_what_the_leaves_share_knows_pydantic_alone() -> None:
    allowed = {"pydantic", "pydantic_core", "_plug_files", *sys.stdlib_module_names}
    for name in SHARED:
        assert imports(ROOT / "distune" / f"{name}.py") <= allowed, name


def test_of_the_files_with_the_public_names_the_house_knows_those_of_plugs_alone() -> None:
    public = {path.stem for path in (ROOT / "distune").glob("*.py")} - {"__init__", *SHARED}
    wrong = {(name, one) for name, path in sources().items() for one in imports(path) & public}
    assert wrong == set()
    assert "plugs" in public


def test_losses_know_torch_alone() -> None:
    allowed = {"torch", "pydantic", "losses", "_kinds", *sys.stdlib_module_names}
    for name, path in sources().items():
        if name.startswith("losses/"):
            assert imports(path) <= allowed, name
