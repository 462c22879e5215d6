#!/usr/bin/env bash
# pyarrow: `cast(safe=True)` refuses an integer that a narrower type cannot hold, and makes infinity of a float that it cannot.
#
# A cast of 300 to int8, of 16,777,217 to float32 and of 1.5 to int64 raises ArrowInvalid. A cast of 1e39 to float32 and of
# 70,000.0 to float16, by the same call, gives inf without a word; so does one of the integer 70,001 to float16, although the
# same integers are checked on their way to float32; and so does `pa.array([70000.0], pa.float16())`. Whoever narrows logits,
# prices or measurements must look for infinity himself. Distune does it in corpora/narrowing.py.
#
# It makes a folder of its own, installs pinned packages by pip, prints what it sees, and ends with 1 where the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyarrow==25.0.1"
"$folder/venv/bin/python" - <<'PYTHON'
import math
import platform
import sys

import pyarrow as pa

print(f"pyarrow {pa.__version__}, Python {platform.python_version()}")
changed = False


def cast(value, source, target):
    try:
        return pa.array([value], source).cast(target, safe=True)[0].as_py()
    except pa.ArrowInvalid as error:
        return f"refused: {error}"


for value, source, target, is_refused in (
    (300, pa.int64(), pa.int8(), True),
    (16_777_217, pa.int64(), pa.float32(), True),
    (1.5, pa.float64(), pa.int64(), True),
    (1e39, pa.float64(), pa.float32(), False),
    (70_000.0, pa.float64(), pa.float16(), False),
    (70_000.0, pa.float32(), pa.float16(), False),
    (70_001, pa.int64(), pa.float16(), False),
):
    found = cast(value, source, target)
    print(f"safe cast of {value} from {source} to {target}: {found}")
    as_told = str(found).startswith("refused") if is_refused else found == math.inf
    changed = changed or not as_told
made = pa.array([70_000.0], pa.float16())[0].as_py()
print(f"pa.array([70000.0], pa.float16()): {made}")
if changed or made != math.inf:
    sys.exit("the behaviour is another one")
PYTHON
