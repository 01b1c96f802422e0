"""An index or a model behind HTTP: embeddings as OpenAI's API has them, reranking, search, a search page."""
