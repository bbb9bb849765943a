"""How well the ministry's unknown capacity is found: a simulation, the policies compared in it, table and chart."""
