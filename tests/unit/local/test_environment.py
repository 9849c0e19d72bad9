import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import environment

ADDRESSES = ("DATABASE_URL", "CELERY_BROKER_URL", "EMAIL_URL", "SANDBOX_URL", "FLOWER_URL")


def ports(values: dict[str, str]) -> list[int | None]:
    return [urlsplit(values[name]).port for name in ADDRESSES]


def everything_free(port: int) -> bool:
    return True


def test_a_first_start_gets_five_ports_of_its_own_none_of_them_a_standard_one() -> None:
    found = ports(environment.completed({}, is_free=everything_free))

    assert len(set(found)) == 5
    assert all(port is not None and 20_000 <= port < 32_000 for port in found)


def test_what_was_chosen_once_stays() -> None:
    first = environment.completed({}, is_free=everything_free)

    assert environment.completed(first, is_free=everything_free) == first


def test_a_port_that_another_program_took_is_replaced_and_its_password_kept() -> None:
    first = environment.completed({}, is_free=everything_free)
    taken = urlsplit(first["DATABASE_URL"])

    second = environment.completed(first, is_free=lambda port: port != taken.port)

    now = urlsplit(second["DATABASE_URL"])
    assert now.port != taken.port
    assert now.password == taken.password
    assert second["CELERY_BROKER_URL"] == first["CELERY_BROKER_URL"]


def test_two_copies_do_not_share_secrets() -> None:
    one, other = (environment.completed({}, is_free=everything_free) for _ in range(2))

    for name in ("SECRET_KEY", "FLOWER_BASIC_AUTH"):
        assert one[name] != other[name]
    assert urlsplit(one["DATABASE_URL"]).password != urlsplit(other["DATABASE_URL"]).password
    assert len(one["SECRET_KEY"]) >= 50


def test_the_file_is_read_back_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    values = environment.completed({}, is_free=everything_free)

    environment.write(tmp_path, values)
    environment.write(tmp_path, values)

    assert environment.read(tmp_path) == values
    assert stat.S_IMODE((tmp_path / "local.env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["local.env"]


def test_the_settings_reader_understands_the_file(tmp_path: Path) -> None:
    values = environment.completed({}, is_free=everything_free)
    environment.write(tmp_path, values)
    lines = (tmp_path / "local.env").read_text().splitlines()

    # config/env.py: NAME=value, "#" begins a comment line, nothing is quoted
    assert all(re.fullmatch(r"#.*|[A-Z_]+=[^'\"\s]+", line) for line in lines)


def test_without_a_file_there_are_no_values(tmp_path: Path) -> None:
    assert environment.read(tmp_path) == {}


def test_the_process_environment_wins_over_the_file(tmp_path: Path) -> None:
    merged = environment.merged({"DATABASE_URL": "ours", "SECRET_KEY": "file"}, tmp_path, {"DATABASE_URL": "theirs"})

    assert merged == {"DATABASE_URL": "theirs", "SECRET_KEY": "file", "BACKROOM_VAR": str(tmp_path)}
