"""Writing data sets: arrays, shards, copies of folders, tables."""
