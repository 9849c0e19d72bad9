"""The other end of ``confined.call``: calls one function, and says on stdout what came of it.

``python -m media_pipeline.called module:name '{"argument": …}'``
"""

import importlib
import json
import os
import sys
from typing import Any


def main(function: str, arguments: str) -> None:
    # Libraries print; what they print must not be taken for the answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, name = function.partition(":")
    with answers:
        json.dump(_call(module, name, json.loads(arguments)), answers)


def _call(module: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"returned": getattr(importlib.import_module(module), name)(**arguments)}
    except MemoryError:
        return {"memory": True}
    except Exception as error:
        # Where it was raised, it was imported. It brings Django along, which not every function needs.
        refused = sys.modules.get("media_pipeline.refused")
        if refused is not None and isinstance(error, refused.Refused):
            return {"refused": error.reason}
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
