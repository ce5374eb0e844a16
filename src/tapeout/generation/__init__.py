"""Writing text with a model: batches behind one shared beginning, sampling, stops."""
