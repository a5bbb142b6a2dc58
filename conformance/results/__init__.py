"""results.json: its model, how it is built from the journal, recovered, verified, judged again and compared."""
