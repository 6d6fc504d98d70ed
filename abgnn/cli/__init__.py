"""The command line; nothing imports it but `__main__`."""
