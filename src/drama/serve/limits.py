"""What a server takes at most: of one request, and of all that wait."""

from typing import NamedTuple


class Limits(NamedTuple):
    """Numbers that keep memory and waiting time bounded."""

    texts: int = 2048
    """Texts of one request, as OpenAI's API."""
    characters: int = 1_000_000
    """Of one text; a model reads only its beginning."""
    body: int = 16 << 20
    """Bytes of one request."""
    requests: int = 256
    """Requests that are worked on or wait; more are told to come later."""
    bytes_held: int = 128 << 20
    """Of the bodies of all those requests."""
    waiting_tokens: int = 400_000
    """Tokens that wait to be encoded; more are told to come later."""
    batch_tokens: int = 4096
    """Tokens that are encoded at once, whoever sent them."""
    seconds: float = 60.0
    """For a request, from its first byte; and for those that are held when the server is stopped."""
