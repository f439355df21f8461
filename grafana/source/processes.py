"""What the boards of API and workers show alike of the processes that are chosen there."""

from .panels import series

HERE = 'job=~"$job",instance=~"$instance"'


def spans_of_traces():
    return series(
        "Spans of traces", "Do traces reach the collector?",
        "not_taken: the collector is away or refuses; queue_full: it is too slow. Requests and "
        "messages do not notice. None at all: OTEL_EXPORTER_OTLP_ENDPOINT is not set.",
        [(f"sum(increase(ramz_trace_spans_exported_total{{{HERE}}}[$__rate_interval]))", "taken"),
         (f"sum by (reason) (increase(ramz_trace_spans_dropped_total{{{HERE}}}[$__rate_interval]))",
          "lost: {{reason}}")], "short", idle="not known",
    )
