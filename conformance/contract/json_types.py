"""Types for JSON that a foreign server, or a file, gave us."""

from __future__ import annotations

from typing import Any, TypeAlias

#: An object of a JSON document. `Any`, because its members have whatever types the server gave them: a check narrows
#: each with isinstance where it judges it, and the shapes of the contract are validated at run time, not by mypy.
JsonObject: TypeAlias = dict[str, Any]
