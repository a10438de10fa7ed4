"""The sign-in of operators, for the pages of plugins: access, tokens and failed attempts."""
