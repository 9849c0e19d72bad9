"""Rules about the product's code, each a function from one module to the lines that break it."""

import ast
from collections.abc import Callable, Iterator

from tests.unit.architecture.source import LAYERS, Module

#: What a module is called where the world comes in: there the clock is read and passed on.
EDGES = frozenset({"admin", "api", "context_processors", "middleware", "tasks", "views"})
EDGE_PACKAGES = ("management.", "templatetags.")
#: What one app may use of another. ``access`` says who may enter a page, ``demo`` what the sample shop is made of.
DOORS = frozenset({"services", "queries", "models", "access", "demo"})
#: Ways of putting a message on the broker.
PUBLISHING = frozenset({"delay", "apply_async", "send_task", "delay_on_commit", "apply_async_on_commit"})
CLOCKS = frozenset(
    {"timezone.now", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "localdate"}
)
#: Modules that talk to the outside world, by the first words of their names.
NETWORK = ("socket", "ssl", "http.client", "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "smtplib",
           "ftplib", "imaplib", "boto3", "botocore", "websockets")  # fmt: skip
Rule = Callable[[Module], Iterator[str]]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (name := _dotted(node.func) or getattr(node.func, "attr", "")):
            yield name, node


def _imports(module: Module) -> Iterator[tuple[str, int]]:
    """Everything imported, as dotted names: ``from a.b import c`` is ``a.b.c``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def only_the_kernel_publishes(module: Module) -> Iterator[str]:
    """Work is submitted as a row. A message sent by hand would be lost with its sender, or outrun the commit."""
    if module.app == "jobs":
        return
    for name, call in _calls(module):
        if isinstance(call.func, ast.Attribute) and call.func.attr in PUBLISHING:
            yield f"{module.name}:{call.lineno}: {name}() publishes by itself; submit a job with jobs.services.submit"


def the_clock_is_read_at_the_edge(module: Module) -> Iterator[str]:
    """What happens at a given moment can then be tested at any."""
    if module.app in {"jobs", "web", "config", "sandbox"}:
        return
    if module.place in EDGES or module.place.endswith("_views") or module.place.startswith(EDGE_PACKAGES):
        return
    for name, call in _calls(module):
        if not call.args and any(name == clock or name.endswith(f".{clock}") for clock in CLOCKS):
            yield f"{module.name}:{call.lineno}: {name}() reads the clock; take `now` as an argument"


def only_adapters_reach_out(module: Module) -> Iterator[str]:
    """What talks to the outside world is in adapters/, where its limits, breaker and deadline are."""
    if module.app in {"sandbox", "config"} or module.place.startswith("adapters"):
        return  # the settings say how adapters reach it
    asks_its_own_name = {
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and _dotted(node) == "socket.gethostname"
    }
    uses_of_socket = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket"
    ]
    for name, line in _imports(module):
        if not any(f"{name}.".startswith(f"{network}.") for network in NETWORK):
            continue
        if name == "socket" and asks_its_own_name and all(node.attr == "gethostname" for node in uses_of_socket):
            continue
        yield f"{module.name}:{line}: imports {name}; the outside world is reached from adapters/"


def apps_meet_at_their_doors(module: Module) -> Iterator[str]:
    """One app uses another through its services and queries (and models, for types). ``jobs`` is the ground that all
    stand on, ``config`` wires everything together."""
    if module.app == "config":
        return
    for name, line in _imports(module):
        owner = next((layer for layer in LAYERS if f"{name}.".startswith(f"{layer}.")), None)
        if owner is None or owner in {module.app, "jobs", "web"}:
            continue
        door = name.removeprefix(owner).lstrip(".").partition(".")[0]
        if door and door not in DOORS:
            yield f"{module.name}:{line}: imports {name}; {owner} is met through its {', '.join(sorted(DOORS))}"


RULES: tuple[Rule, ...] = (
    only_the_kernel_publishes,
    the_clock_is_read_at_the_edge,
    only_adapters_reach_out,
    apps_meet_at_their_doors,
)
