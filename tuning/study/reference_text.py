"""What docs/study-file.md says beside the tables: its introduction, a line or two for some blocks, and examples."""

from __future__ import annotations

INTRODUCTION = """
# The study file

One YAML file says all of a study. Its faults are found by `distune check study.yaml`, all at once. A key that is not on this
page is refused. What the parts are and bring: [parts.md](parts.md). (Written by `python -m distune.tuning.study.reference`.)

Numbers may be written as `1e-4`. Relative paths are seen from where the command is run. `--set path=value` overrides any
key: `--set search.trials=8`, `--set "trial.student={kind: average}"`.

## Ranges

In `trial:`, and nowhere else, a plain value may be a range, and a block by `kind`, which always names its kind, may be a list
of blocks:

| written | the search proposes |
|---|---|
| `hidden_size: 64` | nothing: it is fixed |
| `hidden_size: {choice: [32, 64, 128]}` | one of these |
| `kd_weight: {between: [0.5, 1]}` | a number from the first to the second, both included; whole ones where the key asks for them |
| `learning_rate: {log: [1e-4, 1e-2]}` | the same, with its logarithm evenly spread |
| `student: [{kind: bilstm, ...}, {kind: average, ...}]` | one of these blocks, and then what is a range in it |

A key that is left out has its default; one whose default is – may be `null`. The dotted path, such as `loss.teacher_term.temperature`, is the name of a range in
Optuna, in MLflow and in `distune results --csv`. Every end of a range must be a valid value, and a kind may stand in a list once.
`tokens`, `vectors` and `augment` are made before the search: of ranges they hold `choice` alone, but for `augment.n_iter`,
which may be any.
"""
NOTES = {
    "": "The blocks `corpus`, `teacher` and `trial`, and a `name`, must be given; the others have defaults.",
    "teacher_data.labelled": "Both lists hold such files.",
    "corpus": "More of it: [data.md](data.md).",
    "teacher": "`logits` may name the `checkpoint` that they came from, which is then timed. Files of logits: [data.md](data.md).",
    "teacher.students": "The formula, and when it helps: [method.md](method.md#students-as-a-teacher).",
    "trial": "The search space: each key is a value, a block, or a [range](#ranges).",
    "trial.tokens": "What they are: [parts.md](parts.md#tokens).",
    "trial.vectors": "What they are: [parts.md](parts.md#vectors).",
    "trial.student": "What they are: [parts.md](parts.md#student); what they cost: [families.md](families.md).",
    "trial.loss": "The formulas: [method.md](method.md#the-loss).",
    "trial.loss.teacher_term": "The formulas: [method.md](method.md#the-teacher-term).",
    "trial.augment": "What it does: [parts.md](parts.md#augment).",
    "trial.compression": "What they bring: [parts.md](parts.md#compression) and [families.md](families.md).",
    "cluster": "What stands behind it: [cluster.md](cluster.md).",
}
EXAMPLES = {
    "": """
        name: tickets
        corpus: {source: tickets.csv, text: body, label: queue}
        teacher: {checkpoint: ./my-finetuned-bert}
        trial:
          student: {kind: bilstm, hidden_size: {choice: [64, 128]}}
          loss: {kd_weight: {between: [0.5, 1]}, teacher_term: {kind: kl, temperature: {log: [1, 8]}}}
        """,
    "corpus": """
        corpus: {source: tickets.csv, text: body, label: queue, labelled: 1000, unlabelled: more.csv}
        """,
    "teacher": """
        teacher: {checkpoint: ./my-finetuned-bert, epochs: 3, train_last_layers: 4, hidden_states: [pooled]}
        """,
    "teacher.from_scratch": """
        teacher: {from_scratch: {layers: 4, hidden_size: 256}, pretrain: {epochs: 3}, epochs: 3, learning_rate: 1.5e-4}
        """,
    "teacher.students": """
        teacher: {logits: answers.parquet, temperature: 6}
        more_teachers: [{students: {trials: 16, members: 8}, weight: 3}]
        trial: {student: {kind: bilstm}, loss: {teachers: weighted}}
        """,
    "teacher.pretrain": """
        teacher: {checkpoint: bert-base-chinese, pretrain: {epochs: 5}, epochs: 3}
        """,
    "teacher_data": """
        teacher_data:
          labelled: [{path: older.csv, text: body, label: queue, rename: {bills: billing}}]
        """,
    "trial": """
        trial:
          student: {kind: average}
          learning_rate: {log: [1e-4, 1e-2]}
          batch_size: {choice: [32, 64]}
          epochs: 8
        """,
    "trial.tokens": """
        trial:
          tokens:
            - {kind: words, segmenter: rjieba, max_tokens: 64}
            - {kind: characters, max_tokens: {choice: [64, 128]}}
        """,
    "trial.vectors": """
        trial:
          vectors: {kind: word2vec, dimension: 100, reduce_to: {choice: [null, 50]}}
        """,
    "trial.student": """
        trial:
          student:
            - {kind: bilstm, hidden_size: {choice: [32, 64]}, pooling: {choice: [mean, max]}}
            - {kind: average, hidden_layer: {between: [0, 256]}}
        """,
    "trial.loss": """
        trial:
          loss:
            kd_weight: {between: [0.5, 1]}
            kd_annealing: linear
            teacher_term: [{kind: kl, temperature: {log: [1, 8]}}, {kind: mse}]
        """,
    "trial.augment": """
        trial:
          augment: {n_iter: {between: [0, 20]}}
        """,
    "trial.compression": """
        trial:
          compression: [{kind: none}, {kind: prune_units, keep: {between: [0.3, 0.9]}}, {kind: int8}]
        """,
    "search": """
        trial:
          student: [{kind: bilstm, hidden_size: {choice: [32, 64]}}, {kind: average}]
        search:
          trials: 64
          first: [{student: {kind: bilstm, hidden_size: 64}}]
        """,
    "champion": """
        champion: {min_teacher_ratio: 0.97}
        """,
    "cluster": """
        cluster: {address: auto, cpus_per_trial: 1, trial_timeout_s: 3600, latency_node: latency}
        """,
    "card": """
        card: {language: zh, license: apache-2.0, limits: ["Irony is mostly taken at its word."]}
        """,
    "tracking": """
        tracking: {uri: "sqlite:///mlflow.db", register_as: tickets-student}
        """,
}
