"""What the server does with a request, from authentication to the job that a restore starts."""
