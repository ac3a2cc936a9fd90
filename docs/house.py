"""Draw the house from its imports: ``python docs/house.py`` prints the picture in development.md.

``python docs/house.py --write`` puts it there.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "skl_softmax"
START, END = "<!-- made by docs/house.py -->\n```text\n", "```\n"


def imports():
    """What each part of the package imports: folders, and files that lie beside them."""
    found = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        part = file.relative_to(PACKAGE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, *inside = node.module.split(".")
                if package == "skl_softmax":
                    found[part].update(inside[:1] or [name.name for name in node.names])
        found[part].discard(part)
    return {part: {name for name in names if name in found} for part, names in found.items()}


def floors(imported):
    """The parts from the ground up: each floor imports lower ones only."""
    left = dict(imported)
    while left:
        floor = sorted(part for part, names in left.items() if not names & left.keys())
        assert floor, f"a circle: {sorted(left)}"
        yield floor
        left = {part: names for part, names in left.items() if part not in floor}


def picture():
    """The floors, the highest first, with what each part imports of the folders."""
    imported = imports()
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    width = max(map(len, imported)) + 1
    lines = []
    for number, floor in reversed(list(enumerate(floors(imported)))):
        for part in floor:
            name = f"{part}/" if part in folders else part
            below = ", ".join(sorted(imported[part] & (folders | {"_model"})))
            lines.append(f"{number:2}  {name:{width}} {'→ ' + below if below else ''}".rstrip())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        page = DOCS / "development.md"
        before, rest = page.read_text(encoding="utf-8").split(START)
        _, after = rest.split(END, 1)
        page.write_text(before + START + picture() + END + after, encoding="utf-8")
    else:
        print(picture(), end="")
