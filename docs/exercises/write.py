"""Write the exercises and their solution as notebooks: ``python docs/exercises/write.py``.

Both are made of ``course.py``. A line that ends with ``# gap`` is left for the reader to write.
"""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent


def cells():
    """The cells of the course: pairs of a kind ("markdown", "code" or "check") and a text."""
    text = (HERE / "course.py").read_text(encoding="utf-8")
    for cell in re.split(r"(?m)^# %% ?", text)[1:]:
        kind, _, body = cell.partition("\n")
        kind, body = kind.strip("[]") or "code", body.strip("\n")
        if kind == "markdown":
            body = re.sub(r"(?m)^# ?", "", body)
        yield kind, body


def solved(code):
    """The code without its marks."""
    return re.sub(r"(?m)  # gap$", "", code)


def with_gaps(code):
    """The code, with ``...`` for what the reader is to write: after ``=`` or ``return``."""
    return re.sub(r"(?m)^( *(?:return|[\w, ]+ =)) .*  # gap$", r"\1 ...", code)


def notebook(make):
    """A notebook's JSON, whose code is what ``make(code)`` returns."""
    written = []
    for i, (kind, body) in enumerate(cells()):
        cell = {
            "cell_type": "markdown" if kind == "markdown" else "code",
            "id": f"cell-{i}",
            "metadata": {},
            "source": make(body).splitlines(keepends=True),
        }
        written.append(
            cell if kind == "markdown" else cell | {"execution_count": None, "outputs": []}
        )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": written, "metadata": {"kernelspec": kernel}}
    return json.dumps(content | {"nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


NOTEBOOKS = {"exercises.ipynb": with_gaps, "solution.ipynb": solved}

if __name__ == "__main__":
    for name, make in NOTEBOOKS.items():
        (HERE / name).write_text(notebook(make), encoding="utf-8")
