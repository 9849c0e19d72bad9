"""Whether the process in this container is well; exit status 0 says yes.

``healthcheck.py http://127.0.0.1:8000/healthz/ready`` asks a web server. ``healthcheck.py mail`` asks the database
whether the process of that name on this host (a worker by its queue, ``dispatcher`` or ``beat``) has lately said that
it lives. It loads neither Django nor Celery, so that a dozen containers can afford it every few seconds.
"""

import os
import socket
import sys
import urllib.error
import urllib.request

import psycopg

#: Seconds the asked side may take.
PATIENCE = 4
#: Seconds of silence after which a process counts as gone; as ``jobs.processes.SILENCE``.
SILENCE = 20


def answers(url: str) -> bool:
    """True where ``url`` answers with success to the first of the host names that the site goes by."""
    host = os.environ.get("ALLOWED_HOSTS", "127.0.0.1").split(",")[0].strip().replace("*", "127.0.0.1").lstrip(".")
    request = urllib.request.Request(url, headers={"Host": host})  # noqa: S310 (the operator's own URL)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
            return True
    except OSError as error:  # HTTPError is one
        print(f"{url}: {error}")
        return False


def lives(name: str) -> bool:
    """True where process ``name`` of this host has a fresh row in the table of processes."""
    here = f"{name}@{socket.gethostname()}"
    try:
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=PATIENCE) as connection:
            row = connection.execute(
                "SELECT 1 FROM jobs_worker WHERE (name = %s OR starts_with(name, %s))"
                " AND seen_at > now() - make_interval(secs => %s)",
                (here, f"{here}:", SILENCE),
            ).fetchone()
    except psycopg.Error as error:
        print(f"{here}: {str(error).strip()}")
        return False
    if row is None:
        print(f"{here} has said nothing for {SILENCE} s.")
    return row is not None


if __name__ == "__main__":
    subject = sys.argv[1]
    sys.exit(not (answers(subject) if "://" in subject else lives(subject)))
