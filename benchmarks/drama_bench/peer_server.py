"""What people write when they need an embeddings server: sentence-transformers behind FastAPI.

python peer_server.py MODEL PORT
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1])
app = FastAPI()


class Asked(BaseModel):
    """As OpenAI's API."""

    input: list[str]
    model: str = ""


@app.post("/v1/embeddings")
def embeddings(asked: Asked) -> dict[str, object]:
    """Vectors of queries."""
    vectors_ND = model.encode(asked.input, prompt_name="query", normalize_embeddings=True)
    data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors_ND)]
    return {"object": "list", "data": data}


@app.get("/health")
def health() -> str:
    """Ready."""
    return "ok"


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
