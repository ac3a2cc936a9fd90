"""
Which classes differ in what
============================

Standard errors, tests and odds ratios: a table of coefficients as social scientists read it, for an
election with four parties.
"""

# %%
# Two thousand voters: their age, schooling, income and whether they live in a city. Which party
# they feel close to depends on some of it. (The numbers are made up, so the truth is known.)

import numpy as np
import pandas as pd

from skl_softmax import ForestDisplay, SoftmaxGDClassifier, coefficient_table

rng = np.random.default_rng(0)
n = 2000
age = rng.integers(18, 91, n)
schooling = np.clip(rng.normal(12.0 - 0.02 * (age - 50), 2.5), 5, 20).round()
income = np.exp(rng.normal(0.08 * schooling, 0.5)).round(2)
city = (rng.random(n) < 0.3 + 0.02 * (schooling - 12)).astype(int)
voters = pd.DataFrame({"age": age, "schooling": schooling, "income": income, "city": city})

truth = pd.DataFrame(
    {
        "Centre": [0.0, 0.0, 0.0, 0.0, 0.0],
        "Green": [-0.03, 0.15, 0.0, 0.6, -0.8],
        "Labour": [0.0, -0.1, -0.15, 0.0, 1.3],
        "Tradition": [0.02, -0.1, 0.1, -0.7, -0.1],
    },
    index=["age", "schooling", "income", "city", "intercept"],
)
logits = voters.to_numpy() @ truth.to_numpy()[:4] + truth.to_numpy()[4]
party = truth.columns.to_numpy()[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]

# %%
# The table
# ---------
# Fit without a penalty (a penalised estimate is biased, and has no such standard error), and ask
# for the table. `reference` is the party that all others are compared with.

classifier = SoftmaxGDClassifier(alpha=0).fit(voters, party)
table = coefficient_table(classifier, voters, party, reference="Centre")
table

# %%
# An estimate is a difference in log-odds for a unit of the feature, its exponential an *odds
# ratio*: each year of schooling multiplies the odds of feeling close to the Green party instead of
# the Centre by the number in the last column.
#
# A forest plot shows which classes differ in what: an interval that does not cross the line at one
# is a difference that chance alone would hardly make.

table.plot()

# %%
# Features have different units, so lengths can be compared within a line only. In units of their
# standard deviations they can be compared across lines:

scaled = voters / voters.std()
by_deviation = coefficient_table(classifier.fit(scaled, party), scaled, party, reference="Centre")
ForestDisplay.from_table(by_deviation)

# %%
# Are the intervals right? Here the truth is known: how many of the 15 hold it?

contrasts = truth[table.classes].T.to_numpy()
held = (table.lower <= contrasts) & (contrasts <= table.upper)
f"{held.sum()} of {held.size}"

# %%
# Does income matter at all?
# --------------------------
# A Wald test looks at one coefficient; income has three. `compare` tests them together: twice what
# the log-likelihood loses without income, beside a chi-square distribution.

few = voters.drop(columns="income")
without = coefficient_table(classifier.fit(few, party), few, party)
test = table.compare(without)
print(f"chi2({test.df}) = {test.statistic:.1f}, p = {test.p_value:.1g}")

# %%
# Voters of one household
# -----------------------
# Say that voters were asked household by household, two in each, who mostly agree. Then there are
# fewer independent answers than rows, and the ordinary standard errors are too small.
# ``covariance="cluster"`` knows it.

twice = pd.concat([voters, voters]), np.concatenate([party, party])
household = np.tile(np.arange(n), 2)
classifier.fit(*twice)
options = {"reference": "Centre"}
ordinary = coefficient_table(classifier, *twice, **options)
clustered = coefficient_table(classifier, *twice, covariance="cluster", groups=household, **options)
pd.DataFrame(
    {
        "asked once": table.std_error[0],
        "as if independent": ordinary.std_error[0],
        "by household": clustered.std_error[0],
    },
    index=table.terms,
).round(4)

# %%
# A prediction, and how sure it is
# --------------------------------
# `predict_interval` carries the uncertainty of the coefficients over to probabilities: here of a
# voter in a city, over the years of schooling.

import matplotlib.pyplot as plt

grid = pd.DataFrame({"age": 40, "schooling": np.arange(5, 21), "income": 2.6, "city": 1})
interval = table.predict_interval(grid)
fig, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
for k, name in enumerate(classifier.classes_):
    (line,) = ax.plot(grid["schooling"], interval.proba[:, k], label=name)
    ax.fill_between(
        grid["schooling"],
        interval.lower[:, k],
        interval.upper[:, k],
        color=line.get_color(),
        alpha=0.2,
        lw=0,
    )
ax.set(xlabel="years of schooling", ylabel="probability", ylim=(0, None))
_ = ax.legend(frameon=False)
