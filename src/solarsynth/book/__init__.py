"""The book: what the paper published, what a run found, how a page begins, how a run is executed and published."""
