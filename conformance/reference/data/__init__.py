"""The data that the server serves: its types, the sample data it starts with, and archives on disk."""
