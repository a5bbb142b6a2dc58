"""The embedded reference server: an independent implementation of the contract that shares no code with the suite."""
