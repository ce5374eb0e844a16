"""What weight-sparse models take time for, piece by piece."""
