"""What is released: one version, in the package, in the changelog and in the tag."""

import runpy
from pathlib import Path

import pytest

import skl_softmax

ROOT = Path(__file__).parent.parent
RELEASE = ROOT / ".ci/release.py"
pytestmark = pytest.mark.skipif(not RELEASE.exists(), reason="not in the repository")
CHANGELOG = """# Changelog

## 1.2.0 (2030-01-31)

### Added

- Something.

## 1.1.0 (2029-01-31)

- Before.
"""


@pytest.fixture
def release():
    return runpy.run_path(str(RELEASE))


def test_package_and_changelog_are_of_one_version(release):
    changelog = (ROOT / "docs/changelog.md").read_text(encoding="utf-8")
    assert release["version"]() == skl_softmax.__version__
    assert release["check"](skl_softmax.__version__, changelog, None)


def test_the_notes_are_the_changes_of_one_version(release):
    notes = release["check"]("1.2.0", CHANGELOG, "v1.2.0")
    assert notes == "### Added\n\n- Something."


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "message"),
    [
        ("1.3.0", CHANGELOG, None, "is 1.3.0, but the changelog begins with 1.2.0"),
        ("1.2.0", CHANGELOG, "v1.3.0", "tag is v1.3.0, but skl_softmax.__version__ is 1.2.0"),
        ("1.2.0", CHANGELOG, "1.2.0", "tag is 1.2.0"),
        ("1.2.0", CHANGELOG.replace("2030-01-31", "unreleased"), "v1.2.0", "1.2.0 has no date"),
    ],
)
def test_what_does_not_agree_is_not_released(release, version, changelog, tag, message):
    with pytest.raises(SystemExit, match=message):
        release["check"](version, changelog, tag)
