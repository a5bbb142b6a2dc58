"""The embedded reference server: a second opinion on the contract, sharing no code with the suite."""
