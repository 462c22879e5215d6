#!/usr/bin/env bash
# scikit-learn: two columns of one table have macro-F1 over different classes, unless `labels=` is given.
#
# `f1_score(y_true, y_pred, average="macro")` averages over the classes that stand in y_true or in y_pred, so that the answers
# of a model decide over how many classes it is averaged. Of three classes, one of which no test text has, a model that says it
# once is averaged over three and one that never says it over two: with 3 of 4 texts right each, 0.5556 and 0.7333. Over
# the same three classes it is 0.5556 and 0.4889: the other one is better. No warning tells. Distune counts over the classes
# of the corpus: tuning/champion/table.py, macro_f1.
#
# It makes a folder of its own, installs pinned packages by pip, prints what it sees, and ends with 1 where the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "scikit-learn==1.9.1"
"$folder/venv/bin/python" - <<'PYTHON'
import platform
import sys
import warnings

import sklearn
from sklearn.metrics import f1_score

warnings.simplefilter("error")
print(f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}")
labels = [0, 0, 1, 1]  # of the classes 0, 1 and 2
figures = {}
for name, said in (("says class 2 once", [0, 0, 1, 2]), ("never says class 2", [0, 0, 1, 0])):
    by_default = f1_score(labels, said, average="macro")
    over_all = f1_score(labels, said, average="macro", labels=[0, 1, 2], zero_division=0)
    figures[name] = (round(by_default, 4), round(over_all, 4))
    print(f"a model that {name}: macro-F1 {by_default:.4f} by default, {over_all:.4f} over classes 0, 1 and 2")
if figures != {"says class 2 once": (0.5556, 0.5556), "never says class 2": (0.7333, 0.4889)}:
    sys.exit("the behaviour is another one")
PYTHON
