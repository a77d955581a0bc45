"""Setting up: which engines are there, the profile, computer, codes and pseudopotentials that use them."""
