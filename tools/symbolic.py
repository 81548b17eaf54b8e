"""Checking symbolic results, so that an algebra slip is found before it is told.

Needs sympy.
"""

from __future__ import annotations

__all__ = ["same", "solve_checked"]


def same(left, right, tries=8):
    """Whether two expressions are equal: by simplification, else at random points.

    Returns True or False. Points where either side is undefined are skipped; when none is left the
    question cannot be decided and ValueError is raised.
    """
    import random

    import sympy

    left, right = sympy.sympify(left), sympy.sympify(right)
    if sympy.simplify(left - right) == 0:
        return True
    symbols = sorted((left - right).free_symbols, key=str)
    chance = random.Random(7)
    decided = 0
    for _ in range(tries * 4):
        point = {symbol: sympy.Rational(chance.randint(1, 400), 97) for symbol in symbols}
        difference = sympy.N((left - right).subs(point), 30)
        if not difference.is_number or not difference.is_finite:
            continue
        if abs(difference) > sympy.Float("1e-15"):
            return False
        decided += 1
        if decided >= tries:
            break
    if decided == 0:
        raise ValueError("cannot be decided: no point was found where both sides are defined")
    return True


def solve_checked(equation, symbol):
    """Solve an equation for a symbol and return the solutions that hold when put back in.

    equation: an Eq, or an expression that is to be zero.
    """
    import sympy

    equation = sympy.sympify(equation)
    zero = equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation
    symbol = sympy.Symbol(symbol) if isinstance(symbol, str) else symbol
    return [root for root in sympy.solve(zero, symbol) if same(zero.subs(symbol, root), 0)]
