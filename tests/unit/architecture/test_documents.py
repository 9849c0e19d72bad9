"""What the documents point at exists, and no file holds what must not leave somebody's desk."""

import re
from pathlib import Path

import pytest

from config.brokers import broker_settings
from deploy.local.bootstrap import COMMANDS
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_named_in_documents_exist(document: Path) -> None:
    named = set(re.findall(r"\./run ([a-z]+)", document.read_text()))

    assert named <= set(COMMANDS)


def test_tests_named_in_documents_exist() -> None:
    written = {
        name for module in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", module.read_text())
    }
    named = {name for document in DOCUMENTS for name in re.findall(r"`(test_\w+)`", document.read_text())}

    assert named
    assert not named - written


def test_settings_named_in_the_table_of_brokers_exist() -> None:
    text = (ROOT / "docs" / "brokers.md").read_text()
    known = repr(broker_settings("redis://localhost")) + repr(broker_settings("amqp://localhost"))
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?:=\w+)?`", text)) - {"eta_ahead", "acks_late", "reject_on_worker_lost"}

    assert {name for name in named if not name.startswith("test_") and name not in known} == set()


def test_every_decision_is_on_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([\w.-]+\.md)\)", (folder / "README.md").read_text()))

    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}
