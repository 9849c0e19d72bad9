"""The trace id that follows one request through its jobs, and what the log lines of a job carry."""

import secrets
from contextvars import ContextVar
from typing import Final

#: The id of the request or job that this code runs for; empty outside both.
trace_id: Final[ContextVar[str]] = ContextVar("trace_id", default="")
#: The lookup code of the job that this code runs for; empty outside a job.
job_code: Final[ContextVar[str]] = ContextVar("job_code", default="")


def new_trace_id() -> str:
    """32 hexadecimal digits, as in W3C Trace Context."""
    return secrets.token_hex(16)


def from_traceparent(header: str) -> str:
    """The trace id of a W3C ``traceparent`` header; empty where the header is not one."""
    parts = header.split("-")
    if len(parts) >= 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef") and parts[1] != "0" * 32:
        return parts[1]
    return ""
