from .decision_graph import draw_decision_graph as draw_decision_graph
from .frontier import draw_frontiers as draw_frontiers
from .frontier import draw_plan as draw_plan
from .pools import draw_pools as draw_pools
