"""The quick tour, as its user runs it."""

import importlib.util
import sys

import pytest

from skl_softmax.__main__ import main


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["skl_softmax"])
    return tmp_path


def test_prints_the_digits_and_the_lab_and_draws_them(in_empty_folder, capsys):
    main()
    out = capsys.readouterr().out
    for figure in (
        "macro avg",
        "test accuracy 0.97",
        "LogisticRegression(max_iter=10000)",
        "300  0.178821     95.6%",
        "x1   0.1211  -0.2308   0.1097",
        "301 losses",
        "bias   2.1905  -1.0978  -1.0928",
    ):
        assert figure in out
    for name in ("digits", "lab_training", "lab_regions"):
        picture = in_empty_folder / "softmax_tour" / f"{name}.png"
        assert f"wrote softmax_tour/{name}.png" in out.replace("\\", "/")
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 20_000


def test_output_names_the_folder(in_empty_folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["skl_softmax", "--output", "some/where"])
    main()
    assert len(list((in_empty_folder / "some/where").glob("*.png"))) == 3


def test_without_matplotlib(in_empty_folder, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find_spec(name)
    )
    main()
    out = capsys.readouterr().out
    assert "0.178821" in out
    assert out.splitlines()[-1].endswith('python -m pip install "skl_softmax[plot]"')
    assert not list(in_empty_folder.iterdir())
