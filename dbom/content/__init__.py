"""What the bytes mean: tables with their rows, columns and types."""
