"""The model: weights on disk, pixels in, probabilities out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 8
DARKEST = 16.0


class PictureError(ValueError):
    """What was sent is not an 8x8 picture of numbers from 0 to 16."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model sees in a picture."""

    digit: int
    probabilities: tuple[float, ...]  # of 0, 1, 2 ... 9

    @property
    def confidence(self) -> float:
        """The probability of the digit it says."""
        return self.probabilities[self.digit]


class Model:
    """A trained network, ready to be asked from any thread."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, weights: Path) -> Self:
        """Read the network that ``train.py`` wrote.

        Raises:
            FileNotFoundError: There are no weights: nothing is mounted there.

        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one picture is too little work to share
        data = weights.read_bytes()
        return cls(onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]))

    def read(self, pixels: np.ndarray[Any, np.dtype[np.float32]]) -> Answer:
        """Say which digit *pixels* (8x8, 0 is paper, 16 is ink) show."""
        _, probabilities = self._session.run(None, {"pixels": pixels.reshape(1, SIDE * SIDE)})
        row = tuple(round(float(p), 4) for p in probabilities[0])
        return Answer(digit=int(np.argmax(probabilities[0])), probabilities=row)


def picture(pixels: object) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Check what a stranger sent.

    Raises:
        PictureError: It is not eight rows of eight numbers from 0 to 16.

    """
    try:
        found = np.asarray(pixels, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        message = "pixels must be 8 rows of 8 numbers"
        raise PictureError(message) from error
    if found.shape != (SIDE, SIDE):
        message = f"pixels must be 8 rows of 8 numbers, not of shape {list(found.shape)}"
        raise PictureError(message)
    if not bool(np.all((found >= 0) & (found <= DARKEST))):
        message = "pixels must be numbers from 0 (paper) to 16 (ink)"
        raise PictureError(message)
    return found
