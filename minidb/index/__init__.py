"""Indexes: dense, sparse, payload. They work on arrays and know neither points nor stores."""
