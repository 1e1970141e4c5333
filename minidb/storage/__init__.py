"""Where bytes lie: tables, row files, checkpoints, each durable or in memory behind one interface."""
