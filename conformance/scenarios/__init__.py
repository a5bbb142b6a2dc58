"""The building blocks of checks: requests, fixtures, key proofs, restores and their follow-up, side effects."""
