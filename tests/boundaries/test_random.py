"""Draws: untouched outside a world, kept and played back inside one."""

from __future__ import annotations

import importlib
import os
import random
import secrets
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from random import gauss, getrandbits, randint
from uuid import uuid4

import numpy as np
import pytest
import uuid_utils
from uuid_utils import compat

from replay.boundaries.random import random as boundary
from tests.boundaries.worlds import Listener, Teller, inside

boundary.install()


def _seeded() -> list[object]:
    random.seed(7)
    return [random.random(), randint(1, 99), random.getrandbits(40), random.sample(range(50), 5), gauss(0, 1),
            random.randbytes(3), random.choices("abc", k=4), random.Random(3).random()]  # fmt: skip


def test_seeded_values_are_those_of_an_unpatched_interpreter() -> None:
    """The patches change no value that the application seeded."""
    code = (
        "import random; random.seed(7); from random import randint, gauss;"
        "print([random.random(), randint(1, 99), random.getrandbits(40), random.sample(range(50), 5), gauss(0, 1),"
        "random.randbytes(3), random.choices('abc', k=4), random.Random(3).random()])"
    )
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert plain.stdout.strip() == repr(_seeded())
    with inside(Listener()):
        assert plain.stdout.strip() == repr(_seeded())


def _draws() -> list[object]:
    items = list(range(20))
    random.shuffle(items)
    return [random.random(), randint(1, 10**9), random.choice(range(10**6)), random.uniform(0, 5), gauss(0, 1),
            random.betavariate(1, 2), random.randbytes(9), getrandbits(30), random.Random().random(), uuid4(),
            uuid.uuid4(), items, random.getrandbits(0)]  # fmt: skip


def test_every_draw_is_played_back() -> None:
    """What is built on the primitives repeats at replay, down to functions imported by name before the patch."""
    heard = Listener()
    with inside(heard):
        expected = _draws()
    teller = Teller(heard)
    with inside(teller):
        assert expected == _draws()
    assert not any(teller.draws.values())
    assert expected != _draws()


def test_a_second_gauss_value_kept_before_the_recording_is_played_back() -> None:
    """`gauss` keeps every second value; the recording begins between the two and still repeats."""
    random.seed(1)
    gauss(0, 1)
    heard = Listener()
    with inside(heard):
        expected = [gauss(0, 1), gauss(0, 1)]
    assert len(heard.draws["random"]) == 2
    with inside(Teller(heard)):
        assert expected == [gauss(0, 1), gauss(0, 1)]


def test_credentials_are_told_by_length_only() -> None:
    """`os.urandom` and `secrets` hand the world lengths; replay gives what the world makes of them."""
    heard = Listener()
    with inside(heard):
        values = [os.urandom(5), secrets.token_bytes(16), secrets.token_hex(4), random.SystemRandom().random()]
    assert heard.lengths == [5, 16, 4, 7]
    assert dict(heard.draws) == {}
    assert len(set(map(str, values))) == 4
    with inside(Teller(Listener())):
        assert bytes(5) == os.urandom(5)
        assert secrets.token_hex(4) == "00000000"


def test_fewer_bits_than_recorded_stay_in_range() -> None:
    """A misaligned draw still has the asked number of bits."""
    heard = Listener()
    heard.draws["getrandbits"] = [0b1111]
    with inside(Teller(heard)):
        assert random.getrandbits(2) == 0b11


def test_errors_are_those_of_the_originals() -> None:
    """A wrong argument fails as it does without the patch, live and at replay."""
    for world in (Listener(), Teller(Listener())):
        with inside(world), pytest.raises(ValueError, match="negative"):
            os.urandom(-1)


def test_uuid_sees_the_rest_of_os() -> None:
    """The stand-in for `os` in the module `uuid` has everything else that `os` has."""
    assert os.getpid is uuid.os.getpid  # type: ignore[attr-defined]


def test_temporary_names_draw_from_no_recording() -> None:
    """The generator behind temporary names is made once a process; its seed must not be in a recording."""
    tempfile._name_sequence = None  # type: ignore[attr-defined]  # as in a fresh process
    heard = Listener()
    with inside(heard), tempfile.NamedTemporaryFile():
        pass
    assert dict(heard.draws) == {}


def _uuids() -> list[object]:
    return [uuid.uuid1(), uuid_utils.uuid1(), uuid_utils.uuid4(), uuid_utils.uuid6(), uuid_utils.uuid7(),
            compat.uuid4(), compat.uuid7(), uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "a"),
            *(getattr(uuid, name)() for name in ("uuid6", "uuid7") if hasattr(uuid, name))]  # fmt: skip


def test_uuids_of_the_moment_are_played_back() -> None:
    """Those of `uuid_utils` too, which draws in compiled code: of the type and version that was asked for."""
    heard = Listener()
    with inside(heard):
        expected = _uuids()
    teller = Teller(heard)
    with inside(teller):
        again = _uuids()
    assert expected == again
    assert [type(each) for each in expected] == [type(each) for each in again]
    assert [each.version for each in expected[:7]] == [1, 1, 4, 6, 7, 4, 7]  # type: ignore[attr-defined]
    assert not any(teller.draws.values())
    assert set(expected) & set(_uuids()) == {expected[7]}


def _numpy_draws() -> list[object]:
    items = np.arange(12)
    np.random.shuffle(items)
    kept = np.random.rand(3)
    kept += 1
    return [np.random.rand(), np.random.randint(0, 99, 4).tolist(), kept.tolist(), np.random.choice(["a", "b", "c"]),
            np.random.permutation(6).tolist(), np.random.normal(), items.tolist(), np.random.default_rng().random(),
            np.random.RandomState().rand(), np.random.SeedSequence().entropy]  # fmt: skip


def test_numpy_draws_are_played_back() -> None:
    """Shared functions, in-place shuffles and generators without a seed repeat at replay."""
    heard = Listener()
    with inside(heard):
        expected = _numpy_draws()
    assert heard.lengths == []
    teller = Teller(heard)
    with inside(teller):
        assert expected == _numpy_draws()
    assert not any(teller.draws.values())
    assert expected != _numpy_draws()


def test_numpy_seeded_values_are_untouched() -> None:
    """With a seed, the same values come in a recording and outside."""
    np.random.seed(5)
    expected = _numpy_draws()[:7]
    np.random.seed(5)
    with inside(Listener()):
        assert expected == _numpy_draws()[:7]


def test_numpy_imported_later_is_patched() -> None:
    """In a process that imports NumPy after `install`, its draws are followed and the import leaves no trace."""
    code = (
        "import sys; from replay.boundaries.random import random as boundary; boundary.install();"
        "assert 'numpy' not in sys.modules;"
        "import numpy as np; from tests.boundaries.worlds import Listener, inside; heard = Listener()\n"
        "with inside(heard): np.random.rand(); np.random.default_rng()\n"
        "print(sorted(heard.draws), type(np.random.__spec__.loader).__name__, type(np.random.__loader__).__name__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd(),
                         env={**os.environ, "PYTHONPATH": os.getcwd()})  # fmt: skip
    assert ran.stdout.strip() == "['numpy.rand', 'numpy.seed'] SourceFileLoader SourceFileLoader"


def test_a_generator_that_an_import_makes_belongs_to_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which request of a process imports a module first is nobody's choice: at replay it may be one that did not."""
    (tmp_path / "made_late.py").write_text("import random\ngenerator = random.Random()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    heard = Listener()
    with inside(heard):
        importlib.import_module("made_late")
        random.Random()
    monkeypatch.delitem(sys.modules, "made_late")
    assert len(heard.draws["seed"]) == 1
