"""Log lines that say which request or job they belong to."""

import json
import logging
from datetime import UTC, datetime

from jobs.trace import job_code, trace_id


class TraceFilter(logging.Filter):
    """Adds ``trace`` to each record: the job's code or the request's trace id in brackets, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        mark = job_code.get() or trace_id.get()
        record.trace = f" [{mark}]" if mark else ""
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": trace_id.get(),
            "job": job_code.get(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
