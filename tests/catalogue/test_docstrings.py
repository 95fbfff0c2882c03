"""What the catalogue reads from a docstring."""

import pytest

from gan_jax.catalogue.docstrings import read_formula, read_sentence, read_sources


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("`b - a`. Arjovsky et al. 2017, arXiv 1701.07875.", "`b - a`."),
        ("Two words\n    on two lines.\n\n    More.", "Two words on two lines."),
        ("The game of eq. 9, e.g. a toy. More.", "The game of eq. 9, e.g. a toy."),
        ("D(x) = psi . x without bias.", "D(x) = psi . x without bias."),
        ("Return the mean:\n\n    of all.", "Return the mean."),
        ("", ""),
        (None, ""),
    ],
)
def test_the_first_sentence_ends_at_its_full_stop(docstring, sentence):
    assert read_sentence(docstring) == sentence


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("`(n(x) - 1)^2`, x = `interpolate`.", "(n(x) - 1)^2"),
        ("As `gan.g_first` says: `w - h g`.", "w - h g"),
        ("Over two lines `a +\n    b`.", "a + b"),
        ("`x`.", "x"),
        ("Mirror `[B, H, W, C]`: `x[..., ::-1]`.", "x[..., ::-1]"),
        ("See `wgan_gp`.", ""),
    ],
)
def test_the_formula_is_the_first_code_that_is_no_name(docstring, found):
    assert read_formula(docstring) == found


@pytest.mark.parametrize(
    ("docstring", "works"),
    [
        (
            "`x`. Mao et al. 2016, arXiv 1611.04076, eq. 9.",
            ["Mao et al. 2016, arXiv 1611.04076"],
        ),
        (
            "As Ma et al. 2020, arXiv 1905.11373, advise. Gidel et al. 2018, arXiv\n"
            "    1802.10551, algorithm 2.",
            ["Gidel et al. 2018, arXiv 1802.10551"],
        ),
        (
            "`x`. Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv "
            "1802.05957.",
            [
                "Lim and Ye 2017, arXiv 1705.02894",
                "Miyato et al. 2018, arXiv 1802.05957",
            ],
        ),
        (
            "That of Roth et al. 2017, arXiv 1705.09367.",
            ["Roth et al. 2017, arXiv 1705.09367"],
        ),
        (
            "WGAN. Gidel et al. 2018, 1802.10551: G 5e-5.",
            ["Gidel et al. 2018, arXiv 1802.10551"],
        ),
        (
            "`x`. Szekely and Rizzo 2013, doi 10.1/j.2.",
            ["Szekely and Rizzo 2013, doi 10.1/j.2"],
        ),
        ("From the founding configuration `mlp`.", ["the founding configuration"]),
        ("`w - lr g`. Source: none.", ["none"]),
        ("`w - lr g`.", []),
    ],
)
def test_sources_are_what_a_sentence_begins_with(docstring, works):
    assert list(read_sources(docstring)) == works
