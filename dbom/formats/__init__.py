"""Bounded readers of other people's formats: each tells by content, executes nothing, and says where it stops."""
