"""How the site is built: ``python -m sphinx -W -b html docs docs/_build/html``."""

import re
import warnings

from docutils import nodes
from latex2mathml.converter import convert

from skl_softmax import __version__

project = "skl_softmax"
author = "The skl_softmax developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "examples", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go"  # copied without prompts and outputs
numpydoc_show_class_members = False  # autodoc lists them

html_baseurl = "https://skl-softmax.readthedocs.io/en/stable/"
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skl_softmax"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_extra_path = ["playground"]  # one page that needs nothing of the site
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Without a list of pages beside them, code and pictures have the width they need.
html_sidebars = {"[!g]*": [], "[!g]*/**": []}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skl_softmax",),
    "capture_repr": ("_repr_html_", "__repr__"),
    "matplotlib_animations": True,
    "abort_on_example_error": True,
    "show_memory": False,
    "min_reported_time": 5,
    "write_computation_times": False,  # a search would find them first
    "remove_config_comments": True,
}

warnings.filterwarnings("ignore", category=UserWarning, message=".*non-interactive.*")


def without_foreign_links(*event):
    """Write as text what inherited docstrings link to on scikit-learn's site."""
    *_, lines = event
    lines[:] = [re.sub(r":(?:ref|term):`([^`<]+?)(?: <[^`]*>)?`", r"\1", line) for line in lines]


def setup(app):
    """Write formulas as MathML: browsers show it by themselves, without script or network."""

    def mathml(formula, display):
        # As in LaTeX, only what \left and \right stand before grows with what is inside.
        written = convert(formula, display=display)
        return re.sub("<mo>(&#x02016;|&#x0007C;)</mo>", r'<mo stretchy="false">\1</mo>', written)

    def inline(translator, node):
        translator.body.append(mathml(node.astext(), "inline"))
        raise nodes.SkipNode

    def block(translator, node):
        formula = mathml(node.astext(), "block")
        translator.body.append(f'<div class="math">{formula}</div>')
        raise nodes.SkipNode

    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline, None), block_renderers=(block, None)
    )
    app.connect("autodoc-process-docstring", without_foreign_links)
