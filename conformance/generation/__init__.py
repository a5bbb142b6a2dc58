"""Requests that nobody thought of: generated from a seed, sent in batches, and shrunk where they find a defect."""
