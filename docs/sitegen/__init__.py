"""Builds what the documentation site generates from the code: clause pages, references, examples, bundled schemas."""
