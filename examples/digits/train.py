"""Train the digit reader and write its weights, a few seconds on one core.

    python train.py weights

The data set (1,797 scanned digits, 8x8 pixels) comes with scikit-learn: nothing is downloaded. The same
machine writes the same bytes each time. A fifth of the digits is held back: the accuracy printed is of those,
and ``held-back.json`` keeps some for asking the service about digits it has never seen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HELD_BACK_KEPT = 50


def main(folder: Path) -> None:
    """Write ``digits.onnx`` and ``held-back.json`` into *folder*."""
    pixels, digits = load_digits(return_X_y=True)
    seen, unseen, seen_digits, unseen_digits = train_test_split(
        pixels.astype(np.float32), digits, test_size=0.2, random_state=0, stratify=digits
    )
    network = make_pipeline(StandardScaler(), MLPClassifier((64,), alpha=0.1, random_state=0, max_iter=500))
    network.fit(seen, seen_digits)
    print(f"{network.score(unseen, unseen_digits):.1%} of {len(unseen)} unseen digits read right")

    folder.mkdir(parents=True, exist_ok=True)
    inputs = [("pixels", FloatTensorType([None, 64]))]
    model = to_onnx(network, initial_types=inputs, options={"zipmap": False}, target_opset=18)
    model.opset_import.sort(key=lambda opset: opset.domain)  # else they stand as the hash seed has it
    (folder / "digits.onnx").write_bytes(model.SerializeToString(deterministic=True))
    kept = [
        {"digit": int(digit), "pixels": picture.reshape(8, 8).astype(int).tolist()}
        for digit, picture in list(zip(unseen_digits, unseen, strict=True))[:HELD_BACK_KEPT]
    ]
    (folder / "held-back.json").write_text(json.dumps(kept))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "weights"))
