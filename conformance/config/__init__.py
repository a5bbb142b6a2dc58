"""The configuration of a run: settings, the target file, the waivers file, keys."""
