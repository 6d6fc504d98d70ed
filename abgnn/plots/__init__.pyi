from .frontier import draw_frontiers as draw_frontiers
from .frontier import draw_plan as draw_plan
from .pools import draw_pools as draw_pools
