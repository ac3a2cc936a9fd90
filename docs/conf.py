"""How the site is built: ``python -m sphinx -W -b html docs docs/_build/html``."""

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
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "examples", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False  # autodoc lists them

html_baseurl = "https://skl-softmax.readthedocs.io/en/stable/"
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skl_softmax"
html_static_path = ["_static"]
html_extra_path = ["playground"]  # one page that needs nothing of the site
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navbar_align": "left",
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
    "remove_config_comments": True,
}

warnings.filterwarnings("ignore", category=UserWarning, message=".*non-interactive.*")


def setup(app):
    """Write formulas as MathML: browsers show it by themselves, without script or network."""

    def inline(translator, node):
        translator.body.append(convert(node.astext()))
        raise nodes.SkipNode

    def block(translator, node):
        formula = convert(node.astext(), display="block")
        translator.body.append(f'<div class="math">{formula}</div>')
        raise nodes.SkipNode

    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline, None), block_renderers=(block, None)
    )
