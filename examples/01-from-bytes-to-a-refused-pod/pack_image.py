"""Pack a model folder as an OCI image layout and print the digest of its manifest: `python pack_image.py model image`.

With a registry at hand you would build and push an image instead, and take the digest that the registry shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dbom.demo.image import write_image

print(write_image(Path(sys.argv[1]), Path(sys.argv[2])))
