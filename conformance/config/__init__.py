"""What a run is configured by: settings, the target file, the waivers file, keys."""
