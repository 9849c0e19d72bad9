"""What the documents point at exists, and no file holds what must not leave somebody's desk."""

import re
from pathlib import Path

import pytest

from tests.unit.architecture.source import ROOT, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]
#: Written in halves, for this file is looked through too.
UNFINISHED = re.compile("|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"# *X" + r"XX\b", "lorem" + " ipsum")))
SECRETS = re.compile(
    "|".join(("BEGIN [A-Z ]*PRIVATE" + " KEY", r"\bAKIA" + r"[0-9A-Z]{16}\b", r"\bgh" + r"[pousr]_\w{36}\b"))
)
#: Somebody's own machine.
PATHS = re.compile("|".join((r"(?<![\w.])/ho" + r"me/\w", r"(?<![\w.])/ro" + r"ot/\w", r"(?<![\w.])/wo" + r"rk/\w")))
#: Files that others wrote and that stand here as they came.
VENDORED = re.compile(r"(^|/)(vendor/|LICENSE|THIRD_PARTY|requirements.*\.txt$)")


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked_files():
        name = str(path.relative_to(ROOT))
        if VENDORED.search(name):
            continue
        try:
            found.append((name, path.read_text()))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("pattern", [UNFINISHED, SECRETS, PATHS], ids=["unfinished", "secrets", "paths"])
def test_no_file_holds_what_must_not_be_there(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]

    assert not found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} points at {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_in_documents_exist(document: Path) -> None:
    """Paths in code spans that begin with a folder of ours."""
    folders = "config|jobs|shop|reports|web|sandbox|deploy|docs|tests|benchmarks"
    for named in re.findall(
        rf"`((?:{folders})/[\w./-]*\w\.(?:py|md|yml|yaml|json|css|example))`", document.read_text()
    ):
        assert (ROOT / named).exists(), f"{document.relative_to(ROOT)} names {named}"


def test_every_decision_is_on_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([\w.-]+\.md)\)", (folder / "README.md").read_text()))

    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}
