"""What the logs and restores of a run prove, and what they leave open."""
