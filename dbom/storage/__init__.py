"""Any path or URL to names and bytes: the home of fsspec."""

from __future__ import annotations

from dbom.storage.folder import MAX_ENTRY_BYTES, Folder, open_folder
from dbom.storage.local import LocalFolder
from dbom.storage.remote import RemoteFolder

__all__ = ["MAX_ENTRY_BYTES", "Folder", "LocalFolder", "RemoteFolder", "open_folder"]
