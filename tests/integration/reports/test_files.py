import errno

import pytest
from django.core.files.storage import FileSystemStorage

from jobs.adapters.storage import Away
from reports import files


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ETIMEDOUT, errno.EIO])
def test_a_folder_on_another_machine_may_be_away(storage, monkeypatch, number):
    def fail(*_: object) -> None:
        raise OSError(number, "away")

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    with pytest.raises(Away):
        files.save("name", [b"x"])


def test_a_folder_that_may_not_be_written_is_not_away(storage, monkeypatch):
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    with pytest.raises(PermissionError):
        files.save("name", [b"x"])
