"""The suite qualifies itself: which faults it catches and by which clause, and which legal differences it accepts."""
