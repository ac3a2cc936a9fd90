"""The lab page: the course's figures to the digit, and other numbers run through."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the page draws: pip install skl_softmax[plot]")
PAGE = Path(__file__).parents[1] / "docs" / "examples" / "plot_1_lab.py"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the page as a script with other numbers; return its variables and what it printed."""
    from matplotlib import pyplot as plt
    from matplotlib.animation import FuncAnimation

    monkeypatch.chdir(tmp_path)
    # One frame of the animation, not sixty.
    monkeypatch.setattr(FuncAnimation, "new_saved_frame_seq", lambda _: iter([0]))

    def run(**numbers):
        page = PAGE.read_text(encoding="utf-8")
        for name, value in numbers.items():
            page, n_found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value!r}", page)
            assert n_found == 1, name
        (tmp_path / "page.py").write_text(page, encoding="utf-8")
        found = runpy.run_path(str(tmp_path / "page.py"), run_name="__main__")
        plt.close("all")
        return found, capsys.readouterr().out, {file.name for file in tmp_path.iterdir()}

    return run


def test_the_figures_of_the_course(run):
    found, printed, files = run()
    assert [np.sum(found["y"] == k) for k in range(3)] == [84, 83, 83]
    assert found["losses"].shape == (301,)
    assert found["weights"].shape == (301, 3, 3)
    np.testing.assert_array_equal(
        found["gradient"].round(4),
        [[-0.0027, 0.0013, 0.0013], [0.1211, -0.2308, 0.1097], [0.1095, 0.1073, -0.2168]],
    )
    np.testing.assert_array_equal(
        found["weights"][-1].round(4),
        [[2.1905, -1.0978, -1.0928], [-2.4749, 4.3155, -1.8406], [-2.4770, -1.7428, 4.2199]],
    )
    for line in (
        "1.0986  1.0986",
        "after   1 steps: loss 1.026042, 75.6% right",
        "after   5 steps: loss 0.819554, 84.0% right",
        "after  30 steps: loss 0.421889, 92.4% right",
        "after 300 steps: loss 0.178821, 95.6% right",
    ):
        assert line in printed
    assert "np.float64" not in printed
    assert {"lab_1.png", "lab_5.png", "lab.gif"} <= files


SQUARE = [(0, 0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize(
    ("centers", "learning_rate", "n_steps"),
    [
        (SQUARE[:2], 0.5, 100),
        (SQUARE[:2], 2.0, 1),
        (SQUARE[:3], 1.0, 1000),
        (SQUARE, 0.5, 30),
        (SQUARE, 0.1, 1000),
        ([*SQUARE, (0.5, 2.0)], 1.0, 100),
    ],
)
def test_other_numbers_run_through(run, centers, learning_rate, n_steps):
    found, printed, _ = run(centers=centers, learning_rate=learning_rate, n_steps=n_steps)
    K = len(centers)
    assert found["weights"].shape == (n_steps + 1, 3, K)
    assert f"log {K} = {np.log(K):.4f}" in printed
    assert f"after {n_steps:3d} steps" in printed
    np.testing.assert_allclose(found["losses"], found["model"].loss_history_, rtol=1e-12)
    np.testing.assert_allclose(found["ours"], found["theirs"], atol=1e-11)
    numeric, gradient = found["numeric"], found["gradient"]
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)
    if K > 2:
        logits = np.array([1, *found["point"]]) @ found["W"][:, :3]
        np.testing.assert_allclose(logits, logits[0], atol=1e-10)
