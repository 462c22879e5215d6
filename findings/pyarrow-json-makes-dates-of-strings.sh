#!/usr/bin/env bash
# pyarrow's JSON reader takes a column of strings that all look like dates for timestamps: the label "2024-01-01", a string in the
# file, comes out as a timestamp, and as the string "2024-01-01 00:00:00" when it is cast back. One string that is no date keeps the
# whole column as it is, so that a file and a part of it differ. Its CSV reader guesses types too, but CSV has no strings to keep.
# A schema for the column (`explicit_schema`) leaves the strings alone.
#
# It makes a folder of its own, installs a pinned package by pip, prints what it sees, and ends with 1 where the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==25.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import pyarrow
import pyarrow.json

print("pyarrow", pyarrow.__version__)


def column(*labels, **options):
    lines = "".join(f'{{"label": "{label}"}}\n' for label in labels)
    return pyarrow.json.read_json(io.BytesIO(lines.encode()), **options)["label"]


dates = column("2024-01-01", "2024-01-02")
print("all look like dates:", dates.type, dates.cast(pyarrow.string()).to_pylist())
mixed = column("2024-01-01", "undated")
print("one does not:", mixed.type, mixed.to_pylist())
schema = pyarrow.schema([("label", pyarrow.string())])
kept = column("2024-01-01", "2024-01-02", parse_options=pyarrow.json.ParseOptions(explicit_schema=schema))
print("with a schema:", kept.type, kept.to_pylist())
as_described = (
    dates.cast(pyarrow.string()).to_pylist() == ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]
    and mixed.to_pylist() == ["2024-01-01", "undated"]
    and kept.to_pylist() == ["2024-01-01", "2024-01-02"]
)
sys.exit(not as_described)
PYTHON
