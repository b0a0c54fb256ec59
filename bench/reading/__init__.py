"""The read benchmark: one data set, the same questions, several servers."""
