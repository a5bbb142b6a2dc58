"""Files from untrusted sources: numbers that no arithmetic may meet."""

from __future__ import annotations

import pytest

from conformance.config import untrusted
from conformance.contract.strict_json import NotJSON

LARGE = ("1" + 40 * "0" + "1", "-2" + 40 * "0", "1e41", "-1E+41", "1.5e300", "0.1e42", "1e999")
SMALL = ("1" + 40 * "0", "1e39", "-1e39", "1e-300", "0.000001", "-7", '"1e999"', '": 1e999"')
WHERE = ("%s", '{"a":%s}', '{"a": %s}', "[%s]", "[1,%s]", "[\n%s\n]", "[\t%s]", '{"e": [{"f":\r%s}]}')


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("number", LARGE)
def test_a_number_beyond_the_range_is_refused_wherever_it_stands(where: str, number: str) -> None:
    with pytest.raises(NotJSON, match="out of range"):
        untrusted.parse_json((where % number).encode())


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("number", SMALL)
def test_other_numbers_and_texts_are_read(where: str, number: str) -> None:
    untrusted.parse_json((where % number).encode())
