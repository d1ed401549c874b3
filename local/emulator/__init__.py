"""AWS on a laptop, kept in a folder: emulator.py combines the services, and each service has its own module."""
