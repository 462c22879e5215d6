#!/usr/bin/env bash
# pandas writes CSV by Python's csv module with line feeds as line ends. That module puts quotation marks around a cell with the sign that
# ends its lines, and not around one with another line break. So a cell with a bare carriage return, as old Mac files and some
# chat exports have it, is written bare, while the reader of pandas takes it for the end of a row. What pandas wrote, pandas
# reads back with one row more: the text is cut in two, its label moves to the second half, and nothing warns.
#
# Seen with pandas 3.1.1, Python 3.11.7:
#   written: 'text,label\na\rb,1\n"c\nd",2\n'
#   rows: 2 before, 3 after
#   after: [['a', nan], ['b', 1.0], ['c\nd', 2.0]]
#   with lineterminator="\r\n": 2 rows, equal
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import io
import sys
import warnings

import pandas as pd

print(f"pandas {pd.__version__}, Python {sys.version.split()[0]}")
table = pd.DataFrame({"text": ["a\rb", "c\nd"], "label": [1, 2]})
with warnings.catch_warnings():
    warnings.simplefilter("error")
    written = table.to_csv(index=False, lineterminator="\n")
    after = pd.read_csv(io.StringIO(written, newline=""))
    other = pd.read_csv(io.StringIO(table.to_csv(index=False, lineterminator="\r\n"), newline=""))
print("written:", repr(written))
print(f"rows: {len(table)} before, {len(after)} after")
print("after:", after.values.tolist())
print(f'with lineterminator="\\r\\n": {len(other)} rows, {"equal" if other.equals(table) else "other"}')
cut = after["text"].tolist() == ["a", "b", "c\nd"] and pd.isna(after["label"][0])
sys.exit(not (cut and other.equals(table)))
PYTHON
