"""The demo: the whole chain on real data, offline, in a minute."""
