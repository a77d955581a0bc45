"""The learning as a program of its own, for other computers: ``getl-learn`` reads and writes npz and JSON files."""
