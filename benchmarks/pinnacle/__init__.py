"""Cases of the PINNacle benchmark (Hao et al., NeurIPS 2024, arXiv 2306.08827), and how far pinnrun gets on them."""
