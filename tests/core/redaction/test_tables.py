"""Secrets in arrays and tables: texts keep their sizes, numbers stay."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.redaction.test_redactor import CANARY, REDACTOR, recording

np = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
KEY = "AKIA" + "Q7ZT44XYABCDEFGH"
ROW = [(CANARY, 1)]
VALUES: dict[str, Any] = {
    "a known text": np.array([CANARY, "b"]),
    "a known text, big-endian": np.array([CANARY], dtype=">U40"),
    "a key": np.array([KEY, CANARY]),
    "bytes": np.array([KEY.encode(), CANARY.encode()]),
    "a scalar": np.str_(CANARY),
    "a part": np.array(ROW, dtype=[("note", "U40"), ("n", "i4")]),
    "raw bytes": np.array([CANARY.encode()], dtype="V20"),
    "an array under a name": {"password": np.array(["other-" + CANARY]), "text": "other-" + CANARY},
    "a part with a name": [np.array([("x-" + CANARY, 1)], dtype=[("password", "U40"), ("n", "i4")]), "x-" + CANARY],
    "a column's name": pandas.DataFrame({CANARY: [1]}),
    "a series' name": pandas.Series([1], name=CANARY),
    "an index with a name": pandas.DataFrame({"n": [1]}, index=pandas.Index(["i-" + CANARY], name="password")),
    "levels with names": pandas.Series([1], index=pandas.MultiIndex.from_tuples([("a", CANARY)], names=["n", "pin"])),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_canary_is_in_no_array(name: str) -> None:
    """Known, by its look, by the name of its part; types and sizes stay."""
    before = recording({"token": CANARY, "x": VALUES[name]})
    after = REDACTOR.redact(before)
    held = after.input.decode()["x"]
    text = after.input.text + _shown(held)
    assert CANARY not in text
    assert KEY not in text
    assert type(held) is type(VALUES[name])
    assert REDACTOR.redact(after) == after
    if isinstance(held, np.ndarray):
        assert (held.dtype, held.shape) == (VALUES[name].dtype, VALUES[name].shape)


def _shown(value: Any) -> str:
    """All that it holds."""
    if isinstance(value, np.ndarray):
        return f"{value.tolist()} {value.tobytes()!r}"
    if isinstance(value, pandas.DataFrame | pandas.Series):
        return str(value.to_dict()) + str(getattr(value, "name", ""))
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return str(value) + "".join(map(_shown, parts))


def test_numbers_beside_texts_stay() -> None:
    """Only the part that is a text changes."""
    rows = np.array([("x", 7), (CANARY, -3)], dtype=[("note", "U20"), ("n", "<i8")])
    held = REDACTOR.redact(recording({"token": CANARY, "x": rows})).input.decode()["x"]
    assert held["n"].tolist() == [7, -3]
    assert held["note"][0] == "x"
    assert len(held["note"][1]) == len(CANARY)
