"""NumPy's randomness: seeds that nobody gave, and the functions that share one hidden generator.

A generator made without a seed (`default_rng()`, `RandomState()`, `SeedSequence()`, also imported by name) asks one
function of NumPy for 128 bits; these bits are the world's to draw. Results of the shared functions (`np.random.rand`,
...) are kept whole. This module never imports NumPy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any, TypeVar

from replay.boundaries.seam import rebind
from replay.core.world import LIVE, current, drawn, here

T = TypeVar("T")

_SHARED = (  # noqa: SIM905  # a list of 48 literals would fill a screen
    "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric laplace "
    "logistic lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare "
    "noncentral_f normal pareto permutation poisson power rand randint randn random random_integers random_sample "
    "ranf rayleigh sample standard_cauchy standard_exponential standard_gamma standard_normal standard_t "
    "triangular uniform vonmises wald weibull zipf"
).split()


def _tapped(name: str, original: Callable[..., Any], array: Any) -> Callable[..., Any]:
    kind = f"numpy.{name}"

    @wraps(original)
    def tapped(*args: Any, **kwargs: Any) -> Any:
        world = here()
        if world is None:
            return original(*args, **kwargs)
        live: Callable[[], Any] = partial(original, *args, **kwargs)
        value = drawn(world, kind, live)
        return value.copy() if type(value) is array else value  # the kept one must not change with the application's

    return tapped


def _tapped_shuffle(module: Any) -> Callable[[Any], None]:
    original, get_state, generator = module.shuffle, module.get_state, module.RandomState

    @wraps(original)
    def shuffle(x: Any) -> None:
        world = here()
        if world is None:
            original(x)
            return
        state = drawn(world, "numpy.state", get_state)
        if world.live:
            original(x)
            return
        again = _apart(generator, 0)
        again.set_state(state)
        again.shuffle(x)

    return shuffle


def _tapped_randbits(original: Callable[[int], int]) -> Callable[[int], int]:
    def randbits(k: int) -> int:
        world = here()
        return original(k) if world is None else drawn(world, "numpy.seed", partial(_apart, original, k))

    return randbits


def _apart(original: Callable[[int], T], argument: int) -> T:
    """What NumPy asks of the system's generator on the way is no draw of the application."""
    token = current.set(LIVE)
    try:
        return original(argument)
    finally:
        current.reset(token)


def tap_numpy(module: ModuleType) -> None:
    """Patch `numpy.random`, which has just been imported. Values outside a recording stay as they are."""
    array = sys.modules["numpy"].ndarray
    bits: Any = sys.modules["numpy.random.bit_generator"]
    bits.randbits = _tapped_randbits(bits.randbits)
    names = vars(module)
    taps: dict[str, tuple[object, object]] = {
        name: (names[name], _tapped(name, names[name], array)) for name in _SHARED if name in names
    }
    taps["shuffle"] = (module.shuffle, _tapped_shuffle(module))
    rebind(taps)  # `numpy.random` is one of the modules
