"""The exercises: the solution passes every check, and each gap fails at its own."""

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the exercises draw: pip install skl_softmax[plot]")
FOLDER = Path(__file__).parents[1] / "docs" / "exercises"
WRITE = runpy.run_path(str(FOLDER / "write.py"))
CELLS = list(WRITE["cells"]())
GAPS = [i for i, (_, code) in enumerate(CELLS) if "# gap" in code]


@pytest.mark.parametrize("name", WRITE["NOTEBOOKS"])
def test_the_notebooks_are_those_of_the_course(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == WRITE["notebook"](WRITE["NOTEBOOKS"][name]), "run docs/exercises/write.py"


def run(name, replaced):
    """Run the code cells of a notebook, some of them replaced; return the number of the last."""
    from matplotlib import pyplot as plt

    written = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    variables = {}
    for i, cell in enumerate(written):
        if cell["cell_type"] == "code":
            try:
                exec(replaced.get(i, "".join(cell["source"])), variables)
            except Exception:
                return i
    plt.close("all")
    return len(written)


def test_the_solution_passes():
    assert run("solution.ipynb", {}) == len(CELLS)
    assert len(GAPS) == 7


def test_the_exercises_fail_at_the_first_check():
    assert run("exercises.ipynb", {}) == GAPS[0] + 1


@pytest.mark.parametrize("gap", GAPS)
def test_each_gap_fails_at_its_own_check(gap):
    kind, _ = CELLS[gap + 1]
    assert kind == "check"
    assert run("solution.ipynb", {gap: WRITE["with_gaps"](CELLS[gap][1])}) == gap + 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (" - Z.max(axis=1, keepdims=True)", ""),
        ("-np.sum(Y *", "np.sum(Y *"),
        ("/ len(X)  # gap", "  # gap"),
        ("W = W - learning_rate", "W = W + learning_rate"),
        (".argmax(axis=1)", ".argmin(axis=1)"),
        ("too_large = 20.0", "too_large = 0.1"),
        ("np.linalg.solve(curvature, gradient(X, Y, W))", "gradient(X, Y, W)"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of the overflow
def test_a_wrong_answer_fails_at_its_check(right, wrong):
    gap = next(i for i in GAPS if right in CELLS[i][1])
    assert run("solution.ipynb", {gap: CELLS[gap][1].replace(right, wrong)}) == gap + 1
