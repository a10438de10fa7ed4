"""The check of declarations: attributes of classes that nothing reads."""
