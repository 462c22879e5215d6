"""YAML of a study, limited before it becomes values: a few lines of aliases, of nesting or of digits may mean more than a machine holds."""

from __future__ import annotations

import re
from typing import Any

import yaml

from distune._plural import n_of
from distune.tuning.study.errors import StudyError

LONGEST = 1_000_000
"""Characters. A study has a few thousand; reading more than this takes minutes."""
MOST_NODES = 100_000
"""Values, each counted as often as an alias names it."""
DEEPEST = 50
MOST_DIGITS = 40
"""The most digits of a whole number; Python's own limit is 4,300."""
SIGNS = re.compile(r"[-!#%&*,:;<=>?@`|/+_^$\\]+")
"""Signs alone, such as a separator, to most of which YAML gives a meaning of its own."""
_WHOLE_NUMBER = re.compile(r"[-+]?[0-9a-fA-FxobXOB_:]+")


class _Loader(yaml.SafeLoader):
    """A number is what everybody takes for one: 1e-4 is, which YAML 1.1 reads as text; 010 is not 8, and 1:30 not 90."""


class _Dumper(yaml.SafeDumper):
    """Puts in quotation marks what the loader, or one of YAML 1.1, would read as something else than text."""


_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)",
    "tag:yaml.org,2002:float": r"[-+]?(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d+(?=[eE]))(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), list("-+.0123456789"))
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def dump_yaml(value: Any, in_one_line: bool = False) -> str:
    """YAML of a value that `parse_yaml` reads as the same value."""
    written: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=in_one_line, allow_unicode=True, width=LONGEST, sort_keys=False
    )
    return written.strip()


def parse_yaml(text: str, name: str = "the text") -> Any:
    """The value of a YAML text; `name` is what it is called. Raises StudyError for what is no YAML, or beyond the limits."""
    if len(text) > LONGEST:
        raise StudyError(f"{name} has {len(text):,} characters; a study has {LONGEST:,} at most")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_too_many(node, name)
        return loader.construct_document(node)
    except RecursionError as error:
        raise StudyError(f"{name} is not YAML of a study: its blocks stand too deep within each other") from error
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(f"{name} is not YAML: {' '.join(str(error).split()):.300}") from error


def parse_setting(setting: str, value: str) -> Any:
    """The value that `--set setting=value` gives: YAML, or text if it is a sign such as `|`, or no YAML at all.

    Raises StudyError for a list, an object or quotation marks that do not end, and for what is beyond the limits.
    """
    name = f"--set {setting}"
    if SIGNS.fullmatch(value.strip()):
        return value.strip()
    try:
        return parse_yaml(value, name)
    except StudyError as error:
        if not isinstance(error.__cause__, yaml.YAMLError):
            raise
        if value.lstrip().startswith(("[", "{", '"', "'")):
            raise StudyError(
                f"{error}; if it is text, put it in quotation marks within those of the shell: --set '{setting}=\"...\"'"
            ) from error
        return value


def _refuse_too_many(root: yaml.Node, name: str) -> None:
    sizes: dict[yaml.Node, int] = {}
    open_nodes: set[yaml.Node] = set()

    def size(node: yaml.Node, depth: int) -> int:
        if node in open_nodes:
            raise StudyError(
                f"{name}: an alias in line {node.start_mark.line + 1} names a block that contains the alias"
            )
        if depth > DEEPEST:
            raise StudyError(
                f"{name}: blocks stand more than {DEEPEST} deep within each other (line {node.start_mark.line + 1})"
            )
        if node not in sizes:
            open_nodes.add(node)
            if isinstance(node, yaml.MappingNode):
                _name_keys(node, name)
            sizes[node] = 1 + sum(size(inner, depth + 1) for inner in _inner(node))
            open_nodes.remove(node)
        return sizes[node]

    if (n_nodes := size(root, 0)) > MOST_NODES:
        raise StudyError(f"{name}: with its aliases it has {n_nodes:,} values; a study has {MOST_NODES:,} at most")
    for node in sizes:
        if (
            isinstance(node, yaml.ScalarNode)
            and node.tag == "tag:yaml.org,2002:int"
            and len(node.value) > MOST_DIGITS
            and _WHOLE_NUMBER.fullmatch(node.value)
        ):
            raise StudyError(f"{name}: line {node.start_mark.line + 1}: a number of {n_of(len(node.value), 'digit')}")


def _name_keys(block: yaml.MappingNode, name: str) -> None:
    """Each key as a text in its own spelling, also if it looks like a number or a truth value; no key occurs twice."""
    lines: dict[str, int] = {}
    for key, _ in block.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise StudyError(f"{name}: line {line}: a key must be text, not a list or a block")
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        key.tag = "tag:yaml.org,2002:str"
        if key.value in lines:
            raise StudyError(
                f"{name}: the key {key.value!r} occurs twice in one block, in line {lines[key.value]} and in line {line}"
            )
        lines[key.value] = line


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
