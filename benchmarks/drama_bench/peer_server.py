"""What people write when they need an embeddings server: sentence-transformers behind FastAPI.

python peer_server.py MODEL PORT
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer


class Asked(BaseModel):
    """As OpenAI's API."""

    input: list[str]
    model: str = ""


def create_app(name: str) -> FastAPI:
    """Serve a model."""
    model, app = SentenceTransformer(name), FastAPI()

    @app.post("/v1/embeddings")
    def embeddings(asked: Asked) -> dict[str, object]:
        vectors_ND = model.encode(asked.input, prompt_name="query", normalize_embeddings=True)
        data = [
            {"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors_ND)
        ]
        return {"object": "list", "data": data}

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
