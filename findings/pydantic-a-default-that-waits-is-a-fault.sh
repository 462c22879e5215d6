#!/usr/bin/env bash
# A field whose `default_factory` takes the validated data of the fields before it is reported as faulty when any of these
# is: pydantic adds an error of the type `default_factory_not_called` for it, although nobody gave that field. It does so if the
# faulty field is not the one that the factory reads, too. `error_count()` is then larger than the number of faults of the
# input, and a list of errors names a field that is not in it. A `default_factory` without an argument adds nothing.
#
# Seen with pydantic 2.14.3:
#   factory that takes data: [('name', 'string_type'), ('size', 'default_factory_not_called')]
#   the faulty field comes after it: [('last', 'string_type')]
#   factory without an argument: [('name', 'string_type')]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.3
"$work/venv/bin/python" <<'PYTHON'
import sys

import pydantic
from pydantic import BaseModel, Field, ValidationError

print("pydantic", pydantic.VERSION)


class Waiting(BaseModel):
    name: str
    width: int = 1
    size: int = Field(default_factory=lambda known: 2 * known["width"])
    last: str = ""


class Plain(BaseModel):
    name: str
    size: int = Field(default_factory=lambda: 2)


def errors(model, **given):
    try:
        model(**given)
    except ValidationError as error:
        return [(one["loc"][0], one["type"]) for one in error.errors()]
    return []


# `size` reads `width` alone, which has its default.
before, after, plain = errors(Waiting, name=1), errors(Waiting, name="a", last=1), errors(Plain, name=1)
print("factory that takes data:", before)
print("the faulty field comes after it:", after)
print("factory without an argument:", plain)
as_described = (
    before == [("name", "string_type"), ("size", "default_factory_not_called")]
    and after == [("last", "string_type")]
    and plain == [("name", "string_type")]
)
sys.exit(not as_described)
PYTHON
