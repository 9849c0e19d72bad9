"""The rules hold in the product, and each of them sees what it is there to see."""

import subprocess
import sys

import pytest

from tests.unit.architecture.rules import (
    RULES,
    Rule,
    apps_meet_at_their_doors,
    only_adapters_reach_out,
    only_the_kernel_publishes,
    the_clock_is_read_at_the_edge,
)
from tests.unit.architecture.source import ROOT, Module, modules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    broken = [line for module in modules() for line in rule(module)]

    assert not broken, "\n".join([rule.__doc__ or "", *broken])


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (only_the_kernel_publishes, "shop.orders.services", "send_receipt.delay(order_id=1)"),
        (only_the_kernel_publishes, "reports.views", "tasks.build.apply_async(kwargs={}, countdown=5)"),
        (only_the_kernel_publishes, "web.views", "current_app.send_task('reports.build')"),
        (only_the_kernel_publishes, "shop.mail.services", "transaction.on_commit(lambda: send.delay_on_commit())"),
        (the_clock_is_read_at_the_edge, "reports.services", "from django.utils import timezone\nnow = timezone.now()"),
        (the_clock_is_read_at_the_edge, "shop.orders.matching", "import datetime\nx = datetime.datetime.now()"),
        (the_clock_is_read_at_the_edge, "reports.periods", "from datetime import date\nyear = date.today().year"),
        (only_adapters_reach_out, "shop.orders.services", "import httpx"),
        (only_adapters_reach_out, "reports.files", "from urllib.request import urlopen"),
        (only_adapters_reach_out, "jobs.worker", "import socket\nsocket.create_connection(('127.0.0.1', 1))"),
        (only_adapters_reach_out, "web.views", "def view():\n    import requests.sessions"),
        (apps_meet_at_their_doors, "reports.services", "from shop.orders.tasks import import_file"),
        (apps_meet_at_their_doors, "shop.orders.services", "from shop.catalog import pricing"),
        (apps_meet_at_their_doors, "web.views", "import reports.building"),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Module(name, text)))


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (only_the_kernel_publishes, "jobs.dispatcher", "self.app.send_task('reports.build')"),
        (only_the_kernel_publishes, "reports.services", "jobs.submit(build_report, report_id=1)\ndelay(3)"),
        (the_clock_is_read_at_the_edge, "reports.tasks", "from django.utils import timezone\nnow = timezone.now()"),
        (the_clock_is_read_at_the_edge, "shop.orders.management.commands.seed", "timezone.now()"),
        (the_clock_is_read_at_the_edge, "reports.building", "import time\nstarted = time.monotonic()"),
        (only_adapters_reach_out, "shop.marketplaces.adapters.shopee", "import httpx"),
        (only_adapters_reach_out, "sandbox.mail", "import socket"),
        (only_adapters_reach_out, "jobs.worker", "import socket\nname = socket.gethostname()"),
        (only_adapters_reach_out, "web.views", "from urllib.parse import urlsplit"),
        (apps_meet_at_their_doors, "reports.services", "from shop.orders import queries\nfrom jobs.task import job"),
        (
            apps_meet_at_their_doors,
            "reports.services",
            "from reports.building import build\nfrom shop.money import Money",
        ),
        (apps_meet_at_their_doors, "config.urls", "from reports import urls"),
    ],
)
def test_a_rule_lets_pass_what_keeps_it(rule: Rule, name: str, text: str) -> None:
    assert not list(rule(Module(name, text)))


def test_imports_point_down() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_touches_no_network() -> None:
    """Whatever needs a server asks for it when it is used, so that commands which need none run without any."""
    program = """
import socket
import psycopg
import django

def refuse(*args, **kwargs):
    raise AssertionError(f"the network was used while importing: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
psycopg.connect = psycopg.Connection.connect = refuse
django.setup()
from tests.unit.architecture.source import import_everything
names = import_everything()
assert "jobs.dispatcher" in names and "config.urls" in names, names
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
