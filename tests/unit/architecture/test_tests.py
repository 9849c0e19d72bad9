"""Nothing that an operator can start is without a test."""

import re

import pytest
from django.conf import settings

from tests.unit.architecture.source import ROOT, modules

COMMANDS = sorted(
    module.name.rpartition(".")[2]
    for module in modules()
    if ".management.commands." in module.name and not module.name.endswith("commands")
)
TESTS = "\n".join(
    path.read_text() for path in (ROOT / "tests").rglob("*.py") if "architecture" not in path.relative_to(ROOT).parts
)


def test_there_are_commands() -> None:
    assert "dispatch" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_run_by_a_test(command: str) -> None:
    assert re.search(rf"[\"']{command}[\"']", TESTS), f"No test runs `manage.py {command}`"


@pytest.mark.parametrize("schedule", settings.JOB_SCHEDULES, ids=lambda schedule: schedule.name)
def test_what_is_scheduled_is_run_by_a_test(schedule) -> None:
    """By its task's name, or by calling the service of the same name that the task rings for."""
    function = schedule.task.rpartition(".")[2]

    assert re.search(rf"[\"']{re.escape(schedule.task)}[\"']|\b{function}\(", TESTS), f"No test runs {schedule.task}"
