"""What came from what, and how we know."""

# dbom-package-marker: this file is dbom's own (start-up looks for this line)
