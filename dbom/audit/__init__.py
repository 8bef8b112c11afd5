"""Reports for people who don't have to trust us."""
