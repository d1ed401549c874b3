"""AWS on a laptop, kept in a folder: emulator.py puts it together, and each service has a module of its own."""
