"""A release but for its upload: ``python .ci/release.py build FOLDER`` makes an sdist and a wheel.

``python .ci/release.py notes`` prints what the changelog says of the version. Both refuse a version
on which `skl_softmax.__version__`, the changelog and the tag, if there is one, do not agree. Needs
`build` and `twine`.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
OF_INSTALLERS = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"}


def version():
    """What `skl_softmax.__version__` is, without importing the package."""
    source = (ROOT / "skl_softmax/__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE).group(1)


def newest_changes(changelog):
    """The newest version of a changelog, what stands beside it in brackets, and its changes."""
    heading = re.search(r"^## (\S+) \((.+)\)\n", changelog, re.MULTILINE)
    changes = changelog[heading.end() :].split("\n## ")[0].strip()
    return heading.group(1), heading.group(2), changes


def check(version, changelog, tag):
    """Return the changes of the version; exit if changelog or tag are of another one.

    tag : the name of the tag that is to be released; None for a dry run
    """
    newest, date, changes = newest_changes(changelog)
    if newest != version:
        sys.exit(f"skl_softmax.__version__ is {version}, but the changelog begins with {newest}.")
    if tag not in (None, f"v{version}"):
        sys.exit(f"The tag is {tag}, but skl_softmax.__version__ is {version}.")
    if tag and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
        sys.exit(f"In the changelog, {version} has no date but {date!r}.")
    return changes


def build(folder):
    """Make an sdist of the repository, and of nothing but that sdist a wheel."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def check_content(sdist, wheel, version):
    """Exit unless the sdist holds all of a clean checkout, and the wheel the package alone."""
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()}
    root = f"skl_softmax-{version}"
    with tarfile.open(sdist) as archive:
        compare(sdist, archive.getnames(), {f"{root}/{name}" for name in {*files, "PKG-INFO"}})
    package = {name for name in files if name.startswith("skl_softmax/")}
    with zipfile.ZipFile(wheel) as archive:
        described = {f"{root}.dist-info/{name}" for name in OF_INSTALLERS}
        compare(wheel, archive.namelist(), package | described)


def compare(archive, found, expected):
    """Exit unless an archive holds the files that are expected."""
    if wrong := set(found) ^ expected:
        sys.exit(f"{archive.name} has these too many, or lacks them: {sorted(wrong)}")


def main(command, *folder):
    tag = os.environ["GITHUB_REF_NAME"] if os.environ.get("GITHUB_REF_TYPE") == "tag" else None
    changelog = (ROOT / "docs/changelog.md").read_text(encoding="utf-8")
    changes = check(version(), changelog, tag)
    if command == "notes":
        print(changes)
        return
    with TemporaryDirectory() as again:
        first, second = build(Path(*folder)), build(Path(again))
        check_content(*first, version())
        for one, other in zip(first, second, strict=True):
            if one.read_bytes() != other.read_bytes():
                sys.exit(f"{one.name} is another file each time it is built.")
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, first)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
