"""Write the tables of docs that are made from the code.

python -m experiments.tables
"""

from pathlib import Path

from gan_jax.catalogue.markdown import fill_tables

DOCS = Path(__file__).parents[1] / "docs"

if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(fill_tables(page.read_text("utf-8")), "utf-8")
