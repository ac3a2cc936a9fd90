"""
A table with categories and missing values
==========================================

From a data frame as it comes to a model with named weights: numbers and categories, both with
gaps, and three classes.
"""

# %%
# A survey, made up here: how people get to work. Some incomes are missing, and so are some answers
# about the weather.

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skl_softmax import CoefDisplay, SoftmaxGDClassifier

rng = np.random.default_rng(0)
n_samples = 1500
table = pd.DataFrame(
    {
        "distance": rng.gamma(2.0, 4.0, n_samples).round(1),  # km
        "income": rng.lognormal(3.5, 0.4, n_samples).round(),  # thousands a year
        "age": rng.integers(18, 68, n_samples),
        "weather": rng.choice(["dry", "rain", "snow"], n_samples, p=[0.6, 0.3, 0.1]),
        "home": rng.choice(["city", "suburb", "village"], n_samples),
    }
)
logits = np.column_stack(
    [
        2.0 - 0.35 * table["distance"] - 0.03 * table["age"] - 1.2 * (table["weather"] != "dry"),
        0.8 * (table["home"] == "city") - 0.01 * table["income"],
        -1.5 + 0.03 * table["income"] + 0.8 * (table["home"] == "village"),
    ]
)
travel = np.array(["bicycle", "bus", "car"])[
    (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
]
table.loc[rng.random(n_samples) < 0.15, "income"] = np.nan
table.loc[rng.random(n_samples) < 0.05, "weather"] = None
table.assign(travel=travel).head()

# %%
# One pipeline for all columns
# ----------------------------
# Numbers: a missing one becomes the median, and a column of its own says where one was missing.
# Then they are scaled, so that the penalty treats them alike and their weights can be compared.
# Categories: a column of zeros and ones for each. A missing answer is a category too. A category
# that the training data do not have becomes zeros only.

numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
columns = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (categories, ["weather", "home"]),
    verbose_feature_names_out=False,
)
model = make_pipeline(columns, SoftmaxGDClassifier())
train, test, travel_train, travel_test = train_test_split(
    table, travel, random_state=0, stratify=travel
)
search = GridSearchCV(
    model, {"softmaxgdclassifier__alpha": [1e-4, 1e-3, 1e-2, 1e-1]}, scoring="neg_log_loss"
).fit(train, travel_train)
print(search.best_params_)
print(f"accuracy on other people: {search.best_estimator_.score(test, travel_test):.3f}")
print(f"always the most frequent: {pd.Series(travel_test).value_counts(normalize=True).max():.3f}")

# %%
# Which columns speak for which class
# -----------------------------------
# The pipeline names the columns that the classifier gets. A bar to the right raises the logit of
# the class, a bar to the left lowers it.

display = CoefDisplay.from_estimator(search, top=6)

# %%
# A new row may have gaps, and categories that no one has seen:

new = pd.DataFrame(
    {
        "distance": [3.0, 25.0],
        "income": [np.nan, 60.0],
        "age": [30, 50],
        "weather": ["dry", "fog"],
        "home": ["city", "village"],
    }
)
pd.DataFrame(search.predict_proba(new), columns=search.classes_).round(2)
