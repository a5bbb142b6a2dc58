"""What checks are written in: requests, fixtures, key proofs, restores and their follow-up, side effects."""
