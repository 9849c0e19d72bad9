from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from jobs.trace import from_traceparent, new_trace_id, trace_id


class TraceMiddleware:
    """Gives each request a trace id: the caller's W3C ``traceparent`` or a new one. Answers carry it as X-Trace-Id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = trace_id.set(from_traceparent(request.headers.get("traceparent", "")) or new_trace_id())
        try:
            response = self.get_response(request)
            response["X-Trace-Id"] = trace_id.get()
        finally:
            trace_id.reset(token)
        return response
