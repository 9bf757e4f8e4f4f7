"""Cases of the PINNacle benchmark (Hao et al., NeurIPS 2024, arXiv 2306.08827), measured where it measures them."""
