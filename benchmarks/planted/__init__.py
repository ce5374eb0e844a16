"""Small models whose circuit is known: one set by hand, one trained that way."""
