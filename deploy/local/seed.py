"""``./run seed``: fills the database of ``./run up``, whether that is running or not."""

import sys

from deploy.local.machine import VAR
from deploy.local.within import one_line_errors, python, servers

if __name__ == "__main__":
    with one_line_errors(), servers(VAR, shared=True) as env:
        status = python(["manage.py", "migrate", "--no-input", "--verbosity=0"], env)
        status = status or python(["manage.py", "seed", *sys.argv[1:]], env)
    sys.exit(status)
