"""
Text: which words speak for which topic
=======================================

A few thousand short texts, thousands of words and word pairs: a sparse matrix that is
never made dense. The texts are made here, from lists of words, so that the example runs without
a download.
"""

# %%
# Each text is about one of four topics: mostly words that any text may have, some of its topic,
# and sometimes one of another.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skl_softmax import (
    AlphaScoreDisplay,
    CoefDisplay,
    CoefPathDisplay,
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    softmax_path,
)

TOPICS = {
    "cooking": "oven salt pan butter flour onion simmer whisk dough garlic taste recipe",
    "sailing": "mast wind harbour sail keel rope tide anchor deck storm crew island",
    "music": "chord violin tempo rhythm choir melody score tune drum concert key bow",
    "gardening": "soil seed prune root mulch bloom weed spade shade compost rose pot",
}
COMMON = (
    "the a and of to in it is was for on with that as at by from this be are one some two many very"
    " then when first last long small good new more before after again often never always"
)
rng = np.random.default_rng(0)
names = list(TOPICS)
words = [TOPICS[name].split() for name in names]
common = COMMON.split()


def text(topic):
    """Some 25 words about a topic."""
    chosen = rng.choice(common, size=20).tolist()
    chosen += rng.choice(words[topic], size=rng.integers(1, 5)).tolist()
    chosen += rng.choice(words[rng.integers(4)], size=rng.integers(0, 3)).tolist()
    rng.shuffle(chosen)
    return " ".join(chosen)


y = rng.integers(4, size=4000)
texts = [text(topic) for topic in y]
print(texts[0], "–", names[y[0]])

# %%
# Single words and pairs of them, as TF-IDF
# -----------------------------------------

labels = np.array(names)[y]
train_texts, test_texts, train_labels, test_labels = train_test_split(texts, labels, random_state=0)
pipeline = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2)),
    SoftmaxGDClassifier(alpha=1e-4, store_coef_history=True),
).fit(train_texts, train_labels)
vectorizer, classifier = pipeline
X = vectorizer.transform(test_texts)
print(f"{X.shape[1]} features, {X.nnz / X.shape[0]:.0f} of them in a text")
accuracy = pipeline.score(test_texts, test_labels)
print(f"{classifier.n_iter_} steps; accuracy on other texts {accuracy:.3f}")

# %%
# The words that speak for each topic
# -----------------------------------
# The words with the largest weights for each topic.

features = vectorizer.get_feature_names_out()
display = CoefDisplay.from_estimator(pipeline, top=10)

# %%
# How the weights found their places
# ----------------------------------
# The six features whose weights moved most.

display = CoefPathDisplay.from_estimator(classifier, top=6, feature_names=features)

# %%
# Few words are enough
# --------------------
# With an L1 penalty most weights are exactly zero. Cross-validation chooses its strength;
# "one_standard_error" takes the largest strength whose score is within one standard error of the
# best.

chosen = SoftmaxGDClassifierCV(alphas=20, l1_ratios=[1.0], select="one_standard_error")
sparse = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), chosen).fit(train_texts, train_labels)
used = np.count_nonzero(chosen.coef_.any(axis=0))
accuracy = sparse.score(test_texts, test_labels)
print(f"alpha {chosen.alpha_:.2g}: {used} of {X.shape[1]} features; accuracy {accuracy:.3f}")

display = AlphaScoreDisplay.from_estimator(chosen)

# %%
# As alpha falls, features come in one after another, the most telling ones first.

path = softmax_path(
    vectorizer.transform(train_texts), train_labels, l1_ratio=1.0, n_alphas=40, eps=0.03
)
display = CoefPathDisplay.from_path(path, top=6, feature_names=features)

# %%
# These features speak for each topic now, the strongest first: first the words of the topic, then
# words that are there by chance.

for name, weights in zip(chosen.classes_, chosen.coef_, strict=True):
    top = np.argsort(-weights)[: np.count_nonzero(weights > 0)]
    print(f"{name:10}", ", ".join(features[top][:20]), "…" if len(top) > 20 else "")

# %%
# What is mistaken for what
# -------------------------

fig, ax = plt.subplots(figsize=(4.8, 4), layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, test_texts, test_labels, ax=ax, cmap="Blues", colorbar=False
)
