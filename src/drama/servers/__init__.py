"""OpenAI-compatible servers: their addresses, and requests that wait and are tried again."""

from drama.servers.address import check_embeddings, embeddings_address, is_server, server_address

__all__ = ["check_embeddings", "embeddings_address", "is_server", "server_address"]
