"""Generated requests with methods that are not documented, of things that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation import requests
from conformance.generation.explorer import explore
from conformance.judging.checks import Stage, check
from conformance.suite.support import UNDOCUMENTED_METHODS, expect_method_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


@check("HTTP-5", "list", "get", "logs", "restore", kind=CheckKind.GENERATED, stage=Stage.LATE_REFUSALS)
def test_http_5_generated_methods_are_refused(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """PUT, PATCH, and POST or DELETE where not documented, with queries and bodies."""
    kinds = requests.with_other_methods(context, operation, UNDOCUMENTED_METHODS[operation])
    yield from explore(context, kinds, expect_method_refused)
