"""Every dashboard as data, a module for each: what is on it, in which order, and the query of each line.

tools/generate_dashboards.py makes Grafana's JSON of this.
"""

from collections.abc import Sequence

from monitoring.boards.capacity_proofs import CAPACITY_PROOFS
from monitoring.boards.dependencies import DEPENDENCIES
from monitoring.boards.front_door import FRONT_DOOR
from monitoring.boards.verification import VERIFICATION
from monitoring.boards.wave_opening import WAVE_OPENING
from monitoring.panels import Board

BOARDS: Sequence[Board] = (WAVE_OPENING, VERIFICATION, FRONT_DOOR, DEPENDENCIES, CAPACITY_PROOFS)
