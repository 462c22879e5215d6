#!/usr/bin/env bash
# A column of lists comes back from Parquet as numpy arrays; pandas writes such a cell into a CSV as numpy prints it, without commas:
# ['x' 'y']. The usual way to read it back, ast.literal_eval, raises nothing: to Python two strings side by side are one string, so
# that two labels become one new label. Arrays of numbers, printed likewise, raise SyntaxError; a cell of one string reads well. A
# list that never went through Parquet is written with its commas and comes back whole.
#
# It makes a folder of its own, installs pinned packages by pip, prints what it sees, and ends with 1 where the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==25.0.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import ast
import sys

import numpy
import pandas
import pyarrow

print("pandas", pandas.__version__, "numpy", numpy.__version__, "pyarrow", pyarrow.__version__)
folder = sys.argv[1]
lists = pandas.DataFrame({"labels": [["sports", "politics"], ["sports"]], "numbers": [[0, 1], [1]]})


def cells(frame, column):
    frame.to_csv(f"{folder}/frame.csv", index=False)
    return list(pandas.read_csv(f"{folder}/frame.csv")[column])


lists.to_parquet(f"{folder}/frame.parquet")
arrays = pandas.read_parquet(f"{folder}/frame.parquet")
before, after = cells(lists, "labels"), cells(arrays, "labels")
print("lists in CSV:", before, "read:", [ast.literal_eval(cell) for cell in before])
print("after Parquet:", after, "read:", [ast.literal_eval(cell) for cell in after])
try:
    numbers = ast.literal_eval(cells(arrays, "numbers")[0])
except SyntaxError:
    numbers = "SyntaxError"
print("numbers after Parquet, read:", numbers)
as_described = (
    [ast.literal_eval(cell) for cell in before] == [["sports", "politics"], ["sports"]]
    and [ast.literal_eval(cell) for cell in after] == [["sportspolitics"], ["sports"]]
    and numbers == "SyntaxError"
)
sys.exit(not as_described)
PYTHON
