"""The type of JSON objects."""

from __future__ import annotations

from typing import Any, TypeAlias

#: An object of a JSON document. Any: its members have whatever types the target or the file gave them. A check narrows
#: a member where it judges it, and the shapes of the contract are validated at run time.
JsonObject: TypeAlias = dict[str, Any]
