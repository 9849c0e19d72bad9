"""What the alerts and the dashboard ask for is there, and every alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from jobs.metrics import JobsCollector
from jobs.models import Breaker, TaskTally
from tests.unit.architecture.source import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "backroom.json").read_text())
#: Metrics that others export: Prometheus itself, and RabbitMQ's own plugin.
OTHERS = {"up", "rabbitmq_alarms_free_disk_space_watermark"}
WORDS_OF_PROMQL = {"max", "sum", "by", "unless", "and", "or", "on", "rate", "increase", "histogram_quantile", "offset",
                   "le", "queue", "task", "outcome", "state", "kind", "breaker", "job", "m", "s"}  # fmt: skip


def runbook_of(alert: str) -> str:
    return f"docs/runbooks/{re.sub(r'(?<!^)(?=[A-Z])', '-', alert).lower()}.md"


def metrics_in(expression: str) -> set[str]:
    without_values = re.sub(r'"[^"]*"', "", expression)
    names = set(re.findall(r"(?<![\w.])[a-z_][a-z0-9_]*", without_values))
    return names - WORDS_OF_PROMQL


def dashboard_expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
def exported(db: None) -> set[str]:
    """Names of the samples that a scrape brings."""
    Breaker.objects.create(name="shopee")
    TaskTally.objects.create(task="a.b", queue="mail", outcome="succeeded", count=1, buckets=[1] + [0] * 11)
    TaskTally.objects.create(task="a.b", queue="", outcome="bug", count=1, buckets=[1] + [0] * 11)
    names: set[str] = set()
    for family in JobsCollector(timezone.now()).collect():
        names |= {sample.name for sample in family.samples}
        if isinstance(family, CounterMetricFamily):
            names.add(f"{family.name}_total")
        if isinstance(family, HistogramMetricFamily):
            names |= {f"{family.name}_bucket", f"{family.name}_sum", f"{family.name}_count"}
    return names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, str], exported: set[str]) -> None:
    asked = metrics_in(rule["expr"])

    assert asked
    assert asked <= exported | OTHERS


def test_the_dashboard_asks_for_metrics_that_exist(exported: set[str]) -> None:
    asked = {name for expression in dashboard_expressions() for name in metrics_in(expression)}

    assert len(asked) > 8
    assert asked <= exported


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    path = runbook_of(str(rule["alert"]))

    assert rule["annotations"]["runbook_url"] == path
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert (ROOT / path).is_file()


def test_every_runbook_is_for_an_alert() -> None:
    written = {f"docs/runbooks/{path.name}" for path in (ROOT / "docs" / "runbooks").glob("*.md")}

    assert written - {"docs/runbooks/README.md"} == {runbook_of(rule["alert"]) for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_test_of_its_own(rule: dict[str, str]) -> None:
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    fires = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}

    assert rule["alert"] in fires


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is in Debian's package prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "rules.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "rules_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
