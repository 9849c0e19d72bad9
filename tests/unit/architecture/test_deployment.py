"""The deployment files are valid, hardened, and know every setting."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from config import env
from tests.unit.architecture.source import PACKAGES, ROOT

COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if str(service["image"]).startswith("${BACKROOM_IMAGE")}
TEMPLATE = (ROOT / "deploy" / "env.example").read_text()
MANIFESTS = [
    manifest
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
PODS = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if manifest["kind"] in {"Deployment", "Job"}
}
#: In the template for the servers beside the product, and for docker-compose itself.
NOT_OURS = {
    "POSTGRES_PASSWORD",
    "RABBITMQ_PASSWORD",
    "VALKEY_PASSWORD",
    "FLOWER_PASSWORD",
    "GRAFANA_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "COMPOSE_PROFILES",
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


def test_compose_file_is_valid() -> None:
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE))

    assert done.returncode == 0, done.stdout


def test_the_check_of_the_compose_file_sees_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE_FILE.read_text().replace("stop_grace_period", "stop_grace"))

    assert run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong)).returncode == 1


def test_dockerfile_passes_hadolint() -> None:
    done = run("hadolint", "deploy/Dockerfile")

    assert done.returncode == 0, done.stdout


def test_yaml_files_pass_yamllint() -> None:
    done = run(
        "yamllint",
        "--strict",
        "--config-data={extends: relaxed, rules: {line-length: {max: 120}}}",
        "docker-compose.yml",
        "deploy",
        ".pre-commit-config.yaml",
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert str(service["user"]).partition(":")[0] not in {"", "0", "root"}
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert "privileged" not in service
    assert "network_mode" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_is_well(name: str) -> None:
    """By a check of its own, or of its image's; but for those that run once and end."""
    if SERVICES[name].get("restart") in {"no", "on-failure"}:
        assert SERVICES[name]["healthcheck"] == {"disable": True}
    elif name == "web":
        assert "HEALTHCHECK" in (ROOT / "deploy" / "Dockerfile").read_text()
    else:
        assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - OURS))
def test_images_of_others_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*", SERVICES[name]["image"])


def test_only_web_is_reachable_from_outside_and_from_this_host_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["127.0.0.1:${WEB_PORT:-8000}:8000"]}
    assert COMPOSE["networks"]["back"] == {"internal": True}
    for name in ("postgres", "rabbitmq", "valkey", "objects"):
        assert SERVICES[name]["networks"] == ["back"]


def test_everything_waits_for_the_migration_and_nothing_for_the_broker() -> None:
    for name in OURS - {"migrate"}:
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_brokers_alternatives_are_chosen_by_profile() -> None:
    assert SERVICES["rabbitmq"]["profiles"] == ["rabbitmq"]
    assert SERVICES["valkey"]["profiles"] == ["valkey"]


def test_prometheus_and_grafana_ask_services_that_exist() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = [*prometheus["scrape_configs"], *prometheus["alerting"]["alertmanagers"]]
    targets = {target for job in jobs for each in job["static_configs"] for target in each["targets"]}
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]

    assert {target.partition(":")[0] for target in targets} == {"web", "flower", "rabbitmq", "alertmanager"}
    assert set(SERVICES) >= {"web", "flower", "rabbitmq", "alertmanager"}
    assert source["url"] == "http://prometheus:9090"


def test_no_secret_is_in_the_compose_file() -> None:
    for name, value in re.findall(r"(\w*(?:PASS|PASSWORD|SECRET|KEY|TOKEN|AUTH)\w*): (.*)", COMPOSE_FILE.read_text()):
        assert re.search(r"\$\{\w+(:[?-].*)?\}", value), f"{name} is written out"


def test_the_template_asks_for_every_setting_and_for_no_other() -> None:
    asked = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", TEMPLATE, re.MULTILINE))

    assert asked - NOT_OURS == {variable.name for variable in env.VARIABLES}
    assert asked >= NOT_OURS


def test_every_variable_of_the_compose_file_is_in_the_template_or_has_a_default() -> None:
    text = COMPOSE_FILE.read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    template = set(re.findall(r"^([A-Z][A-Z0-9_]+)=", TEMPLATE, re.MULTILINE))

    assert needed <= template
    assert set(re.findall(r"(?<!\$)\$\{(\w+)\}", text)) == set(), "give a default, or ask for it with :?"


def test_the_page_of_settings_is_true() -> None:
    """As made without any setting: ``python -m config.env > docs/settings.md``."""
    done = subprocess.run(
        [sys.executable, "-m", "config.env"],
        cwd=ROOT,
        env={"BACKROOM_VAR": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_no_more_than_it_must(name: str) -> None:
    pod = PODS[name]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        assert container["image"] == "backroom"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["envFrom"] == [{"secretRef": {"name": "backroom"}}]
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(set(PODS) - {"migrate"}))
def test_a_pod_waits_for_the_migration(name: str) -> None:
    assert [each["command"] for each in PODS[name]["initContainers"]] == [["python", "manage.py", "migrate", "--check"]]


def test_the_kustomization_has_every_manifest() -> None:
    (kustomization,) = (manifest for manifest in MANIFESTS if manifest["kind"] == "Kustomization")
    files = {path.name for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}

    assert set(kustomization["resources"]) == files


def test_the_image_has_what_its_commands_need() -> None:
    """Everything copied into the image, as .dockerignore lets it, and nothing that only development needs."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {package for package in PACKAGES if (ROOT / package).is_dir()}

    assert packages - {"sandbox"} <= let_in
    assert {"manage.py", "requirements.txt", "deploy/healthcheck.py"} <= let_in
    assert not let_in & {"tests", "requirements-dev.txt", "requirements-local.txt"}
