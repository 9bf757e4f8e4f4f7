"""Pictures of solutions, as the pages of docs/problems show them."""
