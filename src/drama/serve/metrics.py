"""What a server counts, in Prometheus' format. Names begin with `drama_`; nothing holds a text or a key."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_TOKENS = (16, 64, 256, 1024, 2048, 4096, 8192)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter("drama_requests", "Requests.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "drama_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=own
        )
        self.texts = Counter("drama_texts", "Texts encoded.", registry=own)
        self.tokens = Counter("drama_tokens", "Tokens encoded.", registry=own)
        self.batches = Histogram("drama_batch_tokens", "Tokens of a batch.", buckets=_TOKENS, registry=own)
        self.encoding = Counter("drama_encoding_seconds", "Time spent encoding.", registry=own)
        self.held = Gauge("drama_requests_held", "Requests being worked on or waiting.", registry=own)
        self.passages = Gauge("drama_index_passages", "Passages in the index.", registry=own)
        self.reloads = Counter("drama_index_reloads", "Rebuilt indexes opened.", registry=own)

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """Count a batch."""
        self.texts.inc(texts)
        self.tokens.inc(tokens)
        self.batches.observe(tokens)
        self.encoding.inc(seconds)
