"""What the options of the reading benchmark name is there, or nothing is compared."""

import pytest

from bench import read
from bench.kit.asking import SetUpError


def test_a_wrong_name_is_refused() -> None:
    assert read.named("", ["a", "b"]) == set()
    assert read.named("b,a", ["a", "b"]) == {"a", "b"}
    with pytest.raises(SetUpError, match="no c; there are: a, b"):
        read.named("a,c", ["a", "b"])
