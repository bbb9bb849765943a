"""Rehearsals of a wave: the whole way in compressed time, and the rush at the closing second."""
