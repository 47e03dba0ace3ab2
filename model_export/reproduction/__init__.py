"""The paper's evaluation, run again: the same comparisons at equal budgets, with tests, beside the paper's figures."""
