"""The steps, on functions that know nothing of softmax."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skl_softmax._descent.curvature import Curvature
from skl_softmax._descent.matrix_descent import matrix_descent
from skl_softmax._descent.steps import (
    Newtonian,
    Pair,
    State,
    _cubic_minimizer,
    constant_descent,
    make_pairs,
    quasi_newton_step,
    start,
)


class Quadratic:
    """(params - minimizer)ᵀ A (params - minimizer) / 2 + 1."""

    precision, gradient_max = np.finfo(float).eps, None

    def __init__(self, condition, n=6, seed=0):
        rng = np.random.default_rng(seed)
        rotation = np.linalg.qr(rng.normal(size=(n, n)))[0]
        self.A = rotation @ np.diag(np.geomspace(1.0, condition, n)) @ rotation.T
        self.minimizer = rng.normal(size=(1, n))

    def value_and_gradient(self, params):
        difference = params - self.minimizer
        gradient = difference @ self.A
        return 1.0 + float(np.vdot(difference, gradient)) / 2, gradient

    def largest_difference(self, params):
        return 0.0  # its curvature is the same everywhere


class Counting:
    """Counts the evaluations of another objective, and of a model that changes no gradient."""

    gradient_max = None

    def __init__(self, objective):
        self.objective, self.precision, self.n_passes = objective, objective.precision, 0

    def value_and_gradient(self, params):
        self.n_passes += 1
        return self.objective.value_and_gradient(params)

    def largest_difference(self, params):
        return self.objective.largest_difference(params)

    def measure(self, _):
        self.n_passes += 1
        return lambda gradient: gradient


def descent_of(objective, kinds, n=6):
    """The states of a descent from zeros, given the kinds of model."""
    return matrix_descent(objective, [start(objective, np.zeros((1, n)))], kinds, Newtonian())


def line_search(objective, state, direction):
    """The state after a step along a direction."""
    return Newtonian().search(objective, state, direction)


def test_a_constant_step_is_the_formula():
    quadratic = Quadratic(condition=10)
    first = start(quadratic, np.zeros((1, 6)))
    states = list(itertools.islice(constant_descent(quadratic, first, 0.05), 20))
    params = np.zeros((1, 6))
    for state in states:
        value, gradient = quadratic.value_and_gradient(params)
        np.testing.assert_array_equal(state.params, params)
        np.testing.assert_array_equal(state.gradient, gradient)
        assert state.loss == value
        params = params - 0.05 * gradient
    assert [state.iteration for state in states] == list(range(20))
    assert [state.n_passes for state in states] == list(range(1, 21))


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e6])
def test_the_matrix_step_finds_a_minimum_and_ends(condition):
    quadratic = Counting(Quadratic(condition))
    curvature = Curvature(quadratic.measure, whole_cost=1e9)
    states = []
    for state in descent_of(quadratic, [curvature]):
        states.append(state)
        assert state.n_passes == quadratic.n_passes
        assert len(states) < 500
    np.testing.assert_allclose(states[-1].params, quadratic.objective.minimizer, atol=1e-6)
    losses = [state.loss for state in states]
    assert all(after <= before for before, after in itertools.pairwise(losses))
    assert [state.iteration for state in states] == list(range(len(states)))


def test_an_exact_model_takes_one_step():
    quadratic = Quadratic(condition=1e8)
    newton = Curvature(
        lambda _: lambda gradient: gradient @ np.linalg.inv(quadratic.A),
        whole_cost=1.0,
        is_hessian=True,
    )
    states = itertools.islice(descent_of(quadratic, [newton]), 2)
    np.testing.assert_allclose(list(states)[1].params, quadratic.minimizer, atol=1e-8)


def measuring(log, name, cost, *, exact=False, length=1e-4):
    """A kind of model that makes small steps along the gradient, and logs where it is measured."""

    def measure(params):
        log.append((name, params))
        return lambda gradient: length * gradient

    return Curvature(measure, whole_cost=cost, is_hessian=exact)


def test_models_are_renewed_when_their_cost_has_been_spent():
    log = []
    kinds = [measuring(log, "only", 12.0)]
    descent = descent_of(Quadratic(condition=1e2, n=60), kinds, n=60)
    states = list(itertools.islice(descent, 26))
    np.testing.assert_array_equal(
        [params for _, params in log], [states[i].params for i in (0, 12, 24)]
    )


def test_the_next_model_is_the_best_that_costs_no_more_than_was_spent():
    log = []
    costs = {"cheap": 0.5, "better": 9.0, "best": 12.0}
    kinds = [measuring(log, name, cost) for name, cost in costs.items()]
    descent = descent_of(Quadratic(condition=1e2, n=60), kinds, n=60)
    spent, measured = 0, []
    for state in itertools.islice(descent, 24):
        measured += [(name, spent) for name, _ in log[len(measured) :]]
        spent = state.n_passes
    # The better one would be due after 9 steps; 12 steps later, the best one.
    assert measured == [("cheap", 1), ("better", 11), ("best", 24)]


def test_the_descent_goes_on_from_its_beginning_with_its_model():
    quadratic = Quadratic(condition=1e2)
    near = start(quadratic, quadratic.minimizer + 1e-3)
    inverse = np.linalg.inv(quadratic.A)
    near = near._replace(iteration=1, n_passes=2, model=lambda gradient: gradient @ inverse)
    never = Curvature(None, whole_cost=1e9)  # measuring it would fail
    beginning = [start(quadratic, np.zeros((1, 6))), near]
    descent = matrix_descent(quadratic, beginning, [never], Newtonian())
    states = list(itertools.islice(descent, 3))
    assert states[:2] == beginning
    assert [state.iteration for state in states] == [0, 1, 2]
    assert [state.n_passes for state in states] == [1, 2, 3]
    np.testing.assert_allclose(states[2].params, quadratic.minimizer, atol=1e-12)


@pytest.mark.parametrize("exact", [True, False])
def test_corrections_outlive_a_renewal_unless_the_model_is_the_hessian(exact):
    quadratic = Quadratic(condition=1e3)
    model = measuring([], "only", 8.0, exact=exact, length=5e-4)
    states = list(itertools.islice(descent_of(quadratic, [model]), 10))
    plain = states[8].params - 5e-4 * states[8].gradient
    assert np.allclose(states[9].params, plain, rtol=0, atol=1e-15) == exact


def step_and_newest_pair(*factors):
    """Factors for the two arrays that a model solves for at once, as soon as there are pairs."""
    return np.array(factors)[:, np.newaxis, np.newaxis]


@pytest.mark.parametrize(("age", "is_renewed"), [(5, False), (6, True)])
def test_a_model_of_which_half_is_spent_is_renewed_after_too_long_a_step(age, is_renewed):
    log = []

    def measure(params):
        log.append(params)
        too_long = step_and_newest_pair(1e6, 1e-4)
        lengths = itertools.chain((age - 1) * [1e-4], [too_long], itertools.repeat(1e-4))
        return lambda gradient: next(lengths) * gradient

    kinds = [Curvature(measure, whole_cost=12.0)]
    descent = descent_of(Quadratic(condition=1e3), kinds)
    steps = [state.step_length for state in itertools.islice(descent, age + 1)]
    assert [step < 1.0 for step in steps] == age * [False] + [True]
    next(descent)
    assert len(log) == 1 + is_renewed


def test_a_step_that_cannot_fall_is_tried_once_more_from_a_fresh_model():
    """The second step of the first model goes uphill."""
    log = []

    def measure(params):
        log.append(params)
        uphill = [1e-3, step_and_newest_pair(-1.0, 1e-3)] if len(log) == 1 else []
        factors = itertools.chain(uphill, itertools.repeat(1.0))
        return lambda gradient: next(factors) * gradient

    quadratic = Quadratic(condition=10.0)
    kinds = [Curvature(measure, whole_cost=1e9)]
    states = list(descent_of(quadratic, kinds))
    np.testing.assert_array_equal(log[1], states[1].params)
    np.testing.assert_allclose(states[-1].params, quadratic.minimizer, atol=1e-6)


def test_steps_are_shortened_until_the_loss_falls():
    quadratic = Quadratic(condition=1.0)
    long = measuring([], "long", 1e9, length=1e3)
    first, second = itertools.islice(descent_of(quadratic, [long]), 2)
    assert second.loss < first.loss
    # The cubic through exact slopes and values finds a quadratic's minimum, within its bounds.
    np.testing.assert_allclose(second.params, quadratic.minimizer, atol=1e-9)


@given(st.integers(0, 1000), st.integers(0, 8))
def test_the_quasi_newton_step_equals_the_dense_bfgs_matrix(seed, n_pairs):
    """Nocedal & Wright, equation (6.17), from the same initial matrix, scaled by (7.20)."""
    rng = np.random.default_rng(seed)
    n = 5
    A, B = (M @ M.T + np.eye(n) for M in rng.normal(size=(2, n, n)))
    inverse = np.linalg.inv(B)
    steps = rng.normal(size=(n_pairs, n))
    pairs = [Pair(s[np.newaxis], s[np.newaxis] @ A, s @ A @ s) for s in steps]
    H = inverse.copy()
    if n_pairs:
        s, y = steps[-1], A @ steps[-1]
        H *= (s @ y) / (y @ inverse @ y)
    for s in steps:
        y = A @ s
        V = np.eye(n) - np.outer(y, s) / (y @ s)
        H = V.T @ H @ V + np.outer(s, s) / (y @ s)
    gradient = rng.normal(size=(1, n))
    step = quasi_newton_step(gradient, pairs, lambda g: g @ inverse)
    np.testing.assert_allclose(step, gradient @ H, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("curvature", "n_pairs"), [(0.0, 0), (1e-15, 0), (-1e-15, 0), (-0.5, 0), (1e-12, 1), (0.5, 1)]
)
def test_a_step_makes_a_pair_where_it_has_curvature(curvature, n_pairs):
    pairs = make_pairs(np.array([[1.0, 0.0]]), np.array([[curvature, 1.0]]))
    assert len(pairs) == n_pairs
    for pair in pairs:
        np.testing.assert_array_equal(pair.coef_diff, [[1.0, 0.0]])
        np.testing.assert_array_equal(pair.gradient_diff, [[curvature, 1.0]])
        assert pair.curvature == curvature


@pytest.mark.parametrize("length", [1e-9, 1e9])
@pytest.mark.parametrize("change", [1e-6, 1e6])
@pytest.mark.parametrize(("cosine", "n_pairs"), [(0.9e-14, 0), (1.1e-14, 1)])
def test_what_rounding_hides_is_relative(length, change, cosine, n_pairs):
    pairs = make_pairs(np.array([[length, 0.0]]), change * np.array([[cosine, 1.0]]))
    assert len(pairs) == n_pairs


@given(st.floats(-1.0, 1.0), st.floats(0.15, 0.65), st.sampled_from([1e-9, 1.0, 1e9]))
def test_the_cubic_minimizer_is_exact_on_cubics(third, minimizer, size):
    # A cubic with slope (t - minimizer) * (third * t + 1): convex enough on [0, 1].
    def slope(t):
        return size * (t - minimizer) * (third * t + 1.0 + abs(third))

    nodes, weights = np.polynomial.legendre.leggauss(3)
    difference = sum(w * slope((x + 1) / 2) / 2 for x, w in zip(nodes, weights, strict=True))
    found = _cubic_minimizer(0.0, slope(0.0), difference, slope(1.0))
    assert found == pytest.approx(minimizer, abs=1e-9)


def test_a_step_is_cut_to_between_a_tenth_and_seven_tenths():
    # The function t (t - 2 m) has slopes -2 m and 2 - 2 m at its ends.
    for minimizer, kept in ((0.05, 0.1), (0.3, 0.3), (0.9, 0.7)):
        end = 1.0 - 2.0 * minimizer
        found = _cubic_minimizer(0.0, -2.0 * minimizer, end, 2.0 - 2.0 * minimizer)
        assert found == pytest.approx(kept, abs=1e-12)


def test_a_cubic_without_a_minimum_is_halved():
    assert _cubic_minimizer(0.0, -1.0, -2.0, -5.0) == 0.5  # concave all the way
    assert _cubic_minimizer(0.0, -1.0, -1.0, -1.0) == 0.5  # a straight line


@pytest.mark.parametrize(("shrinks_to", "is_taken"), [(0.85, True), (0.95, False), (1.5, False)])
def test_where_rounding_hides_the_fall_the_gradient_must_shrink_by_a_tenth(shrinks_to, is_taken):
    objective = SimpleNamespace(
        precision=1e-16,
        gradient_max=None,
        value_and_gradient=lambda _: (1.0, shrinks_to * np.full((1, 2), 1e-9)),
    )
    state = State(0, np.zeros((1, 2)), 1.0, np.full((1, 2), 1e-9), n_passes=1)
    after = line_search(objective, state, -state.gradient)
    assert (after.iteration == 1) == is_taken
    assert after.n_passes == 2  # a shorter step would be of no use


def test_a_gradient_that_shrinks_is_no_reason_where_the_loss_should_have_fallen():
    objective = SimpleNamespace(
        precision=1e-16, gradient_max=None, value_and_gradient=lambda _: (1.0, np.array([[0.5]]))
    )
    after = line_search(objective, State(0, np.zeros((1, 1)), 1.0, np.ones((1, 1)), 1), -np.ones(1))
    assert after.step_length < 1e-10  # taken only where rounding may have hidden the fall


def test_a_direction_that_is_no_number_is_not_taken():
    """This happens where rounding leaves a model no curvature along the newest pair."""
    pair = Pair(np.ones((1, 2)), np.ones((1, 2)), 2.0)
    with np.errstate(all="ignore"):
        step = quasi_newton_step(np.ones((1, 2)), [pair], lambda gradient: 0.0 * gradient)
        assert np.isnan(step).all()
        objective = SimpleNamespace(precision=1e-16, gradient_max=None, value_and_gradient=None)
        state = State(0, np.zeros((1, 2)), 1.0, np.ones((1, 2)), n_passes=1)
        assert line_search(objective, state, -step) == state


@pytest.mark.parametrize("end", [(np.inf, np.inf), (np.nan, 1.0), (1.0, np.nan)])
def test_a_step_to_where_nothing_is_finite_is_cut_to_a_tenth(end):
    assert _cubic_minimizer(1.0, -1.0, *end) == 0.1
