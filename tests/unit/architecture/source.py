"""The repository's own files and modules, as the architecture tests read them."""

import ast
import importlib
import pkgutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.apps import AppConfig, apps

ROOT = Path(__file__).resolve().parents[3]
#: From the lowest up: an import or a foreign key points from a later one to an earlier one.
LAYERS = (
    "jobs",
    "shop.accounts",
    "shop.mail",
    "shop.catalog",
    "shop.orders",
    "shop.carts",
    "shop.marketplaces",
    "shop.checkout",
    "payments",
    "crawler",
    "media_pipeline",
    "moderation",
    "reports",
    "web",
    "config",
)
PACKAGES = (
    "config",
    "jobs",
    "shop",
    "media_pipeline",
    "crawler",
    "payments",
    "moderation",
    "reports",
    "web",
    "sandbox",
)


@dataclass(frozen=True)
class Module:
    """One Python file: its dotted name and its text."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def app(self) -> str:
        """The layer it belongs to; its package where it belongs to none (``shop.money`` → ``shop``)."""
        return next((layer for layer in LAYERS if f"{self.name}.".startswith(f"{layer}.")), self.name.partition(".")[0])

    @property
    def place(self) -> str:
        """Its name inside its app: ``services``, ``adapters.shopee``, ``management.commands.seed``."""
        return self.name.removeprefix(self.app).lstrip(".")


@cache
def tracked_files() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for line in listed.splitlines() if (path := ROOT / line).is_file())


@cache
def modules() -> tuple[Module, ...]:
    """The product's modules; migrations are history and follow no rule but Django's."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                found.append(Module(name, path.read_text()))
    return tuple(found)


def our_apps() -> Iterator[AppConfig]:
    return (app for app in apps.get_app_configs() if app.name in LAYERS)


def import_everything() -> list[str]:
    """Imports every module of the product; returns their names."""
    names = []
    for package in PACKAGES:
        if not (ROOT / package).is_dir():
            continue
        root = importlib.import_module(package)
        names.append(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith(".__main__"):
                importlib.import_module(found.name)
                names.append(found.name)
    return names
