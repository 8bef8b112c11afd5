"""Where the embedded local Sigstore lives on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOLDER_NAME", "data_home"]

FOLDER_NAME = "local-sigstore"
"""The folder under the data home that holds keys, certificates and logs."""


def data_home(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for dbom's own data: `DBOM_HOME`, else the platform's place for a user's data."""
    chosen = (os.environ if environment is None else environment).get("DBOM_HOME", "")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path  # noqa: PLC0415  only who keeps data pays for it

    return user_data_path("dbom", appauthor=False)
