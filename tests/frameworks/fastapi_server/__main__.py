"""``python tests/frameworks/fastapi_server`` starts the server, from whatever folder it is called."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastapi_server.cli import main

main()
