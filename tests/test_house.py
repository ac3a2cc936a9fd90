"""The house: which folder may import which, how long its files are, and where its doors are."""

import ast
import runpy
import traceback
from pathlib import Path

import numpy as np
import pytest

import skl_softmax
from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import row_sums

ROOT = Path(skl_softmax.__file__).parent
LEAVES = {"_arrays", "_compat", "_parameters"}
MAY_IMPORT = {
    "_compat": set(),
    "_parameters": set(),
    "_arrays": {"_compat"},
    "_engines": LEAVES,
    "_objective": {"_engines", *LEAVES},
    "_descent": {"_objective", "_engines", *LEAVES},
    "_fit": {"_descent", "_objective", "_engines", *LEAVES},
    "_data": {"_engines", *LEAVES},
    "_model": {"_engines", *LEAVES},
    "_plot": {"_model", "_arrays"},
    "textbook": set(),
}
FILES = sorted(ROOT.rglob("*.py"))


def part_of(parts):
    """The folder, or the file beside the folders, that a module belongs to."""
    return parts[0] if parts else "__init__"


def imports_of(file):
    """The parts of the package that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "skl_softmax":
            parts = node.module.split(".")[1:]
            yield from [part_of(parts)] if parts else [name.name for name in node.names]
        elif isinstance(node, ast.Import):
            for name in node.names:
                assert not name.name.startswith("skl_softmax"), "from skl_softmax… import, please"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_import_goes_up(file):
    part = part_of(file.relative_to(ROOT).with_suffix("").parts)
    imported = set(imports_of(file)) - {part}
    assert imported <= MAY_IMPORT.get(part, imported), f"{part} may not import these"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 450


def test_every_folder_has_a_rule_and_none_knows_the_estimators():
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert folders <= MAY_IMPORT.keys()
    assert set().union(*MAY_IMPORT.values()) <= MAY_IMPORT.keys()


def test_from_fit_to_the_kernel_in_ten_frames(monkeypatch):
    """A newcomer can follow X without climbing back: dense rows, an L2 penalty, every pass."""
    depths = []
    block_loss = row_sums.block_loss

    def spied(*args):
        kernel, targets = block_loss(*args)

        def spy(*blocks):
            names = [frame.name for frame in traceback.extract_stack()]
            depths.append(names[names.index("fit") :])
            return kernel(*blocks)

        return spy, targets

    monkeypatch.setattr(row_sums, "block_loss", spied)
    X = np.random.default_rng(0).normal(size=(60, 3))
    SoftmaxGDClassifier(max_iter=3, tol=0).fit(X, np.arange(60) % 3)
    assert len(depths) >= 4
    assert max(map(len, depths)) <= 10, max(depths, key=len)


def test_the_picture_of_the_house_is_made_from_the_imports():
    docs = ROOT.parent / "docs"
    if not (docs / "house.py").exists():
        pytest.skip("the package is not used from its repository")
    house = runpy.run_path(str(docs / "house.py"))
    page = (docs / "development.md").read_text(encoding="utf-8")
    assert house["START"] + house["picture"]() + house["END"] in page, (
        "python docs/house.py --write"
    )


def test_public_names_are_of_the_public_door():
    for name in set(skl_softmax.__all__) - {"__version__"}:
        assert getattr(skl_softmax, name).__module__ == "skl_softmax"
