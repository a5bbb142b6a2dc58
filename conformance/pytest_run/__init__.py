"""One run of the suite inside pytest: controller, workers, scheduling, progress, signals."""
