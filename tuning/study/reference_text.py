"""The text of docs/study-file.md around its tables: the introduction, a line or two for some blocks, and examples."""

from __future__ import annotations

INTRODUCTION = """
# The study file

One YAML file describes a study. `distune check study.yaml` finds all its faults at once. Distune refuses a key that is not on this page. [parts.md](parts.md) says what the parts are
and what they bring. (`python -m distune.tuning.study.reference` writes this page from the code.)

You may write numbers as `1e-4`. Relative paths start from the folder in which the command runs. `--set path=value` overrides any key: `--set search.trials=8`,
`--set "trial.student={kind: average}"`.

## Ranges

Only `trial:` may contain ranges. A plain value may be a range. A block with a `kind` may be a list of blocks, and every block of the list names its kind:

| written | the search proposes |
|---|---|
| `hidden_size: 64` | nothing: it is fixed |
| `hidden_size: {choice: [32, 64, 128]}` | one of these |
| `kd_weight: {between: [0.5, 1]}` | a number from the first to the second, both included; a whole number if the key needs one |
| `learning_rate: {log: [1e-4, 1e-2]}` | the same, but evenly on a logarithmic scale |
| `student: [{kind: bilstm, ...}, {kind: average, ...}]` | one of these blocks, and then a value for each range in it |

A missing key has its default. A key whose default is – may be `null`. A range has its dotted path as name, such as `loss.teacher_term.temperature`. This name is in Optuna, in MLflow and in
`distune results --csv`. Every end of a range must be a valid value, and a list may contain a kind only once. `tokens`, `vectors` and `augment` are made before the search. They accept only
`choice`, except that `augment.n_iter` may be any range.
"""
NOTES = {
    "": "Every study needs the blocks `corpus`, `teacher` and `trial`, and a `name`. The other blocks have defaults.",
    "teacher_data.labelled": "Both lists have such files.",
    "corpus": "See [data.md](data.md).",
    "teacher": "Next to `logits` you may name the `checkpoint` that gave them; Distune then times it. See [data.md](data.md) for files of logits.",
    "teacher.answers": "See [data.md](data.md#answers-of-a-language-model).",
    "teacher.students": "[method.md](method.md#students-as-a-teacher) has the formula, and says when it helps.",
    "trial": "The search space: each key is a value, a block, or a [range](#ranges).",
    "trial.tokens": "See [parts.md](parts.md#tokens).",
    "trial.vectors": "See [parts.md](parts.md#vectors).",
    "trial.student": "See [parts.md](parts.md#student), and [families.md](families.md) for their costs.",
    "trial.loss": "See [method.md](method.md#the-loss) for the formulas.",
    "trial.loss.teacher_term": "See [method.md](method.md#the-teacher-term) for the formulas.",
    "trial.augment": "See [parts.md](parts.md#augment).",
    "trial.compression": "See [parts.md](parts.md#compression), and [families.md](families.md) for their effects.",
    "cluster": "See [cluster.md](cluster.md).",
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
    "teacher.answers": """
        teacher: {answers: {path: votes.jsonl, prior_strength: 0.5, abstentions: [unknown]}}
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
          vectors:
            - {kind: word2vec, dimension: 100, reduce_to: {choice: [null, 50]}}
            - {kind: teacher, dimension: {choice: [50, 100]}}
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
