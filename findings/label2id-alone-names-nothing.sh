#!/usr/bin/env bash
# A checkpoint whose config.json names its classes by `label2id` alone loses their names in transformers: `id2label` becomes
# LABEL_0, LABEL_1, and `label2id` itself is overwritten to match, without a word. The same happens where `num_labels` is another
# number than the names in `id2label`: the names are dropped, with a warning. What reads class names from the loaded config sees generic ones in both cases, and
# takes the columns in any order that it likes; the file has to be read itself.
#
# Seen with transformers 5.23.0:
#   label2id alone: {0: 'LABEL_0', 1: 'LABEL_1'} {'LABEL_0': 0, 'LABEL_1': 1}
#   num_labels 2 and three names: {0: 'LABEL_0', 1: 'LABEL_1'}
#   id2label alone: {0: 'pos', 1: 'neg'} None
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0
HF_HUB_OFFLINE=1 "$work/venv/bin/python" - "$work" <<'PYTHON'
import json
import sys
from pathlib import Path

import transformers

print("transformers", transformers.__version__)


def loaded(**settings):
    folder = Path(sys.argv[1]) / "checkpoint"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **settings}))
    return transformers.AutoConfig.from_pretrained(folder)


generic = {0: "LABEL_0", 1: "LABEL_1"}
alone = loaded(label2id={"pos": 0, "neg": 1})
print("label2id alone:", alone.id2label, alone.label2id)
more = loaded(num_labels=2, id2label={"0": "pos", "1": "neg", "2": "neutral"})
print("num_labels 2 and three names:", more.id2label)
named = loaded(id2label={"0": "pos", "1": "neg"})
print("id2label alone:", named.id2label, named.label2id)
as_described = (
    (alone.id2label, alone.label2id) == (generic, {"LABEL_0": 0, "LABEL_1": 1})
    and more.id2label == generic
    and (named.id2label, named.label2id) == ({0: "pos", 1: "neg"}, None)
)
sys.exit(not as_described)
PYTHON
