from .build import Pools as Pools
from .build import build_pools as build_pools
from .build import read_pools as read_pools
from .estimates import Triples as Triples
from .estimates import expected_accuracy as expected_accuracy
from .estimates import triples as triples
from .pareto import pareto_mask as pareto_mask
