"""The command line for a server: its actions, called like those of an application here."""
