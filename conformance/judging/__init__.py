"""How responses are judged: outcomes, findings, expectations, the registry of checks, passive judges."""
