"""The trace id that follows one request through its jobs, and what the log lines of a job carry."""

import re
import secrets
from contextvars import ContextVar
from typing import Final

#: The id of the request or job that this code runs for; empty outside both.
trace_id: Final[ContextVar[str]] = ContextVar("trace_id", default="")
#: The lookup code of the job that this code runs for; empty outside a job.
job_code: Final[ContextVar[str]] = ContextVar("job_code", default="")


_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")


def new_trace_id() -> str:
    """32 hexadecimal digits, as in W3C Trace Context."""
    return secrets.token_hex(16)


def from_traceparent(header: str) -> str:
    """The trace id of a W3C ``traceparent`` header; empty where the header is not one."""
    found = _TRACEPARENT.fullmatch(header.strip().lower())
    return found["trace"] if found and found["trace"].strip("0") else ""
