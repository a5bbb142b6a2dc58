"""A small server of the container-backups contract, as one writes it with FastAPI and uvicorn."""
