"""The rooms in one picture, docs/images/rooms.svg, from what each file imports: `make picture`.

A row is a room, and a dot in it says that the room imports the one from which the line rises. Each room stands above all that
it imports, so the rooms are a staircase.
"""

from __future__ import annotations

import ast
import html
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
LEAVES = ("corpora", "models", "losses", "cluster")
THROUGH_LINKS = tuple(f"distune/{name}/" for name in (*LEAVES, "tuning"))
DOOR, KINDS, ABOVE, COMMANDS = "import distune", "open kinds", "tuning/*.py", "tuning/commands"
BY_FILE = {
    "distune/_kinds.py": KINDS,
    "distune/_pairs.py": KINDS,
    "distune/_plural.py": KINDS,
    "distune/_digits.py": KINDS,
    "distune/_plug_files.py": KINDS,
    "distune/__main__.py": COMMANDS,
    "tuning/cli.py": COMMANDS,
}
"""Files that belong to a room beside which they stand."""
SAYS = {
    KINDS: "kinds of parts; files of plugs; plurals",
    "corpora": "texts, splits, token ids, teacher logits",
    "models": "teachers, students, checkpoints, ONNX",
    "losses": "student against teacher and labels",
    "cluster": "Ray: connect, submit, ship",
    "tuning/serve": "answers over HTTP",
    "tuning/metric": "scores and their intervals",
    "tuning/speed": "milliseconds of an answer",
    "tuning/trial": "one student, trained",
    "tuning/study": "the study file and its space",
    "tuning/storage": "what lies where",
    "tuning/teachers": "teachers and their logits",
    "tuning/search": "trials proposed, run, followed",
    "tuning/champion": "finalists, timed and judged",
    "tuning/report": "the page and the table",
    "tuning/tracking": "MLflow",
    ABOVE: "a search from start to end",
    COMMANDS: "the command line",
    DOOR: "the public names",
}
"""What each room does, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Sizes in px, of a picture 900 px wide."""

    width: int = 900
    step: int = 32
    left: int = 28
    top: int = 20
    box_width: int = 126
    box_height: int = 26


def room_of(path: str) -> str:
    """The room in which a file of the repository stands."""
    parts = path.split("/")
    if path in BY_FILE:
        return BY_FILE[path]
    if parts[0] == "distune":
        return DOOR
    if parts[0] == "tuning":
        return f"tuning/{parts[1]}" if len(parts) > 2 else ABOVE
    return parts[0]


def imported_by(path: Path) -> set[str]:
    """The files of ours that a file imports, anywhere in it, as paths."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    stems = [name.removeprefix("distune.").replace(".", "/") for name in names if name.startswith("distune.")]
    files = [f"{folder}{stem}{end}" for stem in stems for folder in ("", "distune/") for end in (".py", "/__init__.py")]
    return {file for file in files if (ROOT / file).is_file() and not file.startswith(THROUGH_LINKS)}


def imports_of_rooms() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    files = [path for folder in (*LEAVES, "tuning") for path in sorted((ROOT / folder).rglob("*.py"))]
    files += sorted((ROOT / "distune").glob("*.py"))
    found: dict[str, set[str]] = {}
    for path in files:
        room = room_of(path.relative_to(ROOT).as_posix())
        found.setdefault(room, set()).update(map(room_of, imported_by(path)))
        found[room].discard(room)
    return found


def floors_of(imports: dict[str, set[str]]) -> dict[str, int]:
    """How far each room stands above the ground: one floor above the highest that it imports."""
    floors: dict[str, int] = {}
    while len(floors) < len(imports):
        ready = [room for room in imports if room not in floors and imports[room] <= floors.keys()]
        if not ready:
            raise ValueError(f"rooms import each other in a circle: {sorted(imports.keys() - floors.keys())}")
        floors |= {room: 1 + max((floors[other] for other in imports[room]), default=-1) for room in ready}
    return floors


def picture_of(imports: dict[str, set[str]]) -> str:
    """The staircase as SVG."""
    floors = floors_of(imports)
    rooms = sorted(imports, key=lambda room: (floors[room], room not in LEAVES, room))
    look = Look()
    height = 2 * look.top + look.step * len(rooms)
    x = {room: look.left + look.step * i for i, room in enumerate(rooms)}
    y = {room: height - look.top - look.step * i - look.step // 2 for i, room in enumerate(rooms)}
    drawn = [part for room in rooms for part in _row(room, imports, x, y, look)]
    return "\n".join([_head(look.width, height), *drawn, *_legend(look.width - 20, height - look.top), "</svg>"]) + "\n"


def _row(room: str, imports: dict[str, set[str]], x: dict[str, int], y: dict[str, int], look: Look) -> list[str]:
    """The line that rises from a room, the line of what it imports, its box, and what it does."""
    importers = [y[other] for other in imports if room in imports[other]]
    rise = [f'<path class="rise" d="M{x[room]} {y[room]}V{min(importers)}"/>'] if importers else []
    reach = (
        [f'<path class="reach" d="M{x[room]} {y[room]}H{min(x[one] for one in imports[room])}"/>']
        if imports[room]
        else []
    )
    dots = [f'<circle cx="{x[one]}" cy="{y[room]}" r="4.5"/>' for one in sorted(imports[room], key=x.get)]
    box_left = x[room] - 12
    return [
        *rise,
        *reach,
        *dots,
        f'<rect class="{_kind(room)}" x="{box_left}" y="{y[room] - look.box_height // 2}" width="{look.box_width}" '
        f'height="{look.box_height}" rx="5"/>',
        f'<text class="name" x="{box_left + 9}" y="{y[room] + 5}">{html.escape(room.removeprefix("tuning/") if room != ABOVE else room)}</text>',
        f'<text x="{box_left + look.box_width + 10}" y="{y[room] + 5}">{html.escape(SAYS[room])}</text>',
    ]


def _kind(room: str) -> str:
    return "leaf" if room in LEAVES else "door" if room in (DOOR, KINDS) else "room"


def _legend(right: int, bottom: int) -> list[str]:
    left = right - 300
    lines = [
        ("leaf", "a folder that knows no other one"),
        ("room", "a room of tuning/"),
        ("door", "distune/ itself"),
    ]
    drawn = [
        f'<circle cx="{left + 10}" cy="{bottom - 88}" r="4.5"/>',
        f'<text x="{left + 30}" y="{bottom - 83}">the room of this row imports the one</text>',
        f'<text x="{left + 30}" y="{bottom - 67}">from which the upright line rises</text>',
    ]
    for i, (kind, says) in enumerate(lines):
        top = bottom - 53 + 20 * i
        drawn += [
            f'<rect class="{kind}" x="{left}" y="{top}" width="20" height="13" rx="3"/>',
            f'<text x="{left + 30}" y="{top + 11}">{says}</text>',
        ]
    return drawn


def _head(width: int, height: int) -> str:
    """A picture with paper of its own, as it is read on light pages and on dark ones."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"
 aria-label="The rooms of Distune as a staircase: each imports only rooms beneath it">
<style>
text {{ font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", Arial, sans-serif; fill: #37474f }}
.name {{ font-weight: 600; fill: #fff }}
.leaf {{ fill: #00695c }}
.room {{ fill: #37474f }}
.door {{ fill: #5d4037 }}
.rise {{ stroke: #90a4ae; stroke-width: 1.5; fill: none }}
.reach {{ stroke: #b0bec5; stroke-width: 1.5; fill: none }}
circle {{ fill: #e65100 }}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#fafafa"/>"""


if __name__ == "__main__":
    PICTURE.write_text(picture_of(imports_of_rooms()), encoding="utf-8")
