"""The packages that the story installs: the one of this tree, another build of it, and one that is
made older, which the story begins with.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# A real package of an earlier release takes the place of the one that is made older.
PREVIOUS = "DAARION_PREVIOUS_PACKAGE"
VERSION = "0.0.9"


def make(daarion: Path, output: Path, revision: str) -> Path:
    return _run(ROOT, daarion, output, revision)


def make_previous(daarion: Path, work: Path, output: Path) -> Path:
    """Its version is lower, a key is missing in its configuration, and its program is told apart
    from the present one by a section that nobody reads."""
    if PREVIOUS in os.environ:
        return Path(os.environ[PREVIOUS])
    for folder in ("packaging", "systemd"):
        shutil.copytree(ROOT / folder, work / folder)
    shutil.copy(ROOT / "CHANGELOG.md", work)
    cargo = (ROOT / "Cargo.toml").read_text()
    version = _between(cargo, '\nversion = "', '"')
    (work / "Cargo.toml").write_text(cargo.replace(version, VERSION, 1))
    changelog = work / "packaging/debian/changelog"
    changelog.write_text(changelog.read_text().replace(f"({version}-", f"({VERSION}-", 1))
    sample = work / "packaging/daarion.toml"
    lines = sample.read_text().splitlines(keepends=True)
    assert lines.pop().startswith("#level = ")
    sample.write_text("".join(lines))
    older, mark = work / "daarion", work / "mark"
    mark.write_text(VERSION)
    command = ["objcopy", "--add-section", f".daarion.previous={mark}", daarion, older]
    subprocess.run(command, check=True)
    older.chmod(0o755)
    return _run(work, older, output, "1")


def _run(tree: Path, daarion: Path, output: Path, revision: str) -> Path:
    command = [tree / "packaging/deb.sh", daarion, output, revision]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


def _between(text: str, before: str, after: str) -> str:
    return text.split(before, 1)[1].split(after, 1)[0]
