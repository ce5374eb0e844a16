"""Problems whose answers can be checked: word problems with worked solutions, and how to score."""
