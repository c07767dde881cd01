"""``python -m server``: say which device the model would run on."""

from __future__ import annotations

import torch
import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    """The device and the version of torch."""
    return {"device": "cuda" if torch.cuda.is_available() else "cpu", "torch": torch.__version__}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8000)  # noqa: S104 - a container's interfaces are its own
