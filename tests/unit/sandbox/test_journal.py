import json
from pathlib import Path

from sandbox.journal import SHOWN, Journal


def test_entries_are_numbered_and_on_disk_when_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")

    first, second = journal.write(what="a"), journal.write(what="đ\ud800")  # a lone surrogate is kept too

    assert (first["id"], second["id"]) == (1, 2)
    assert [json.loads(line)["what"] for line in (tmp_path / "j").read_text().splitlines()] == ["a", "đ\ud800"]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    Journal(tmp_path / "j").write(what="a")

    journal = Journal(tmp_path / "j")

    assert journal.write(what="b")["id"] == 2
    assert [entry["what"] for entry in journal.latest] == ["a", "b"]
    assert journal.find(1) == {"id": 1, "what": "a"}
    assert journal.find(3) is None


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path: Path) -> None:
    Journal(tmp_path / "j").write(what="a")
    with (tmp_path / "j").open("a") as file:
        file.write('{"id": 2, "wh')

    journal = Journal(tmp_path / "j")

    assert journal.count == 1
    journal.write(what="b")
    assert [json.loads(line)["id"] for line in (tmp_path / "j").read_text().splitlines()] == [1, 2]


def test_only_the_latest_are_kept_in_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sandbox.journal.os.fsync", lambda file: None)
    journal = Journal(tmp_path / "j")

    for number in range(SHOWN + 5):
        journal.write(number=number)

    assert journal.count == SHOWN + 5
    assert len(journal.latest) == SHOWN
    assert journal.find(1) is None
