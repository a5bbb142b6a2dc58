"""Generated requests: drawn from a seed, sent in batches, and shrunk if they find a defect."""
