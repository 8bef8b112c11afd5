"""The gate: what a pod would load, and whether it may."""

# dbom-package-marker: this file is dbom's own (start-up looks for this line)
