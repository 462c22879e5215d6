#!/usr/bin/env bash
# A column of whole numbers with one step between them, such as ids, becomes a RangeIndex by set_index. Into Parquet pandas writes such an
# index as metadata alone: the file has no column of that name, so that every reader but pandas has lost the ids. One gap in the numbers
# keeps the column. With index=True it is there too.
#
# It makes a folder of its own, installs pinned packages by pip, prints what it sees, and ends with 1 where the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==25.0.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import pandas
import pyarrow
import pyarrow.parquet

print("pandas", pandas.__version__, "pyarrow", pyarrow.__version__)
path = f"{sys.argv[1]}/frame.parquet"


def columns(ids, **settings):
    frame = pandas.DataFrame({"id": ids, "text": list("abc")}).set_index("id")
    frame.to_parquet(path, **settings)
    return type(frame.index).__name__, pyarrow.parquet.read_schema(path).names


regular, gap, asked = columns([7, 8, 9]), columns([7, 8, 10]), columns([7, 8, 9], index=True)
print("ids 7 8 9: ", *regular)
print("ids 7 8 10:", *gap)
print("ids 7 8 9 with index=True:", *asked)
as_described = regular == ("RangeIndex", ["text"]) and gap == ("Index", ["text", "id"]) and asked[1] == ["text", "id"]
sys.exit(not as_described)
PYTHON
