"""One collection: write path, read path, configuration, background indexing."""
