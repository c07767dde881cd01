"""``python -m digits``: serve on port 8000 (or ``PORT``) until told to stop."""

from __future__ import annotations

import os

import uvicorn

from digits.app import app

if __name__ == "__main__":
    # Inside a container every interface is the container's own.
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8000")), log_level="info")  # noqa: S104 - a container's
