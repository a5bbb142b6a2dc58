"""Whether the target is reachable, how often it fails regardless of the request, and how fast requests may be sent."""
