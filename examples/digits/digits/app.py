"""Two endpoints: ``POST /predict`` reads a digit, ``GET /health`` says whether it can."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from digits.model import Model, PictureError, picture

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

WEIGHTS = Path(os.environ.get("DIGITS_WEIGHTS", "/weights/digits.onnx"))
LARGEST_BODY = 16 * 1024  # bytes; 64 numbers need a few hundred


class Reader:
    """The model as soon as its weights are there: they are mounted, never part of the image."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self.problem = ""
        self._model: Model | None = None

    def model(self) -> Model | None:
        """The loaded model; None, and the problem said, while nothing readable is mounted."""
        if self._model is None:
            try:
                self._model = Model.load(self.weights)
            except OSError as error:
                self.problem = error.strerror or "unreadable"
        return self._model


class TooLargeError(ValueError):
    """The body is larger than any picture."""


async def health(request: Request) -> Response:
    """Whether a digit could be read right now."""
    reader: Reader = request.app.state.reader
    if reader.model() is None:
        return no_weights(reader)
    return JSONResponse({"status": "ok"})


async def predict(request: Request) -> Response:
    """Read the digit in ``{"pixels": [[0, 0, 5, ...8 numbers], ...8 rows]}``."""
    reader: Reader = request.app.state.reader
    model = reader.model()
    if model is None:
        return no_weights(reader)
    try:
        sent = json.loads(await body(request))
        pixels = picture(sent.get("pixels") if isinstance(sent, dict) else None)
    except TooLargeError:
        return JSONResponse({"error": f"a picture needs less than {LARGEST_BODY} bytes"}, status_code=413)
    except PictureError as error:
        return JSONResponse({"error": str(error)}, status_code=422)
    except (ValueError, RecursionError):
        return JSONResponse({"error": "the body is not JSON"}, status_code=400)
    answer = await run_in_threadpool(model.read, pixels)
    return JSONResponse(
        {"digit": answer.digit, "confidence": answer.confidence, "probabilities": answer.probabilities}
    )


async def body(request: Request) -> bytes:
    """The request's body, refused as soon as it grows too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY:
            raise TooLargeError
    return bytes(data)


def no_weights(reader: Reader) -> Response:
    """What is missing and how to give it."""
    error = (
        f"{reader.weights}: {reader.problem}; mount the weights with -v ./weights:{reader.weights.parent}:ro"
    )
    return JSONResponse({"status": "no weights", "error": error}, status_code=503)


def create_app(weights: Path = WEIGHTS) -> Starlette:
    """The service over the weights in file *weights*."""
    service = Starlette(
        routes=[Route("/health", health), Route("/predict", predict, methods=["POST"])],
    )
    service.state.reader = Reader(weights)
    return service


app = create_app()
