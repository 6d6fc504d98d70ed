from .base_mas import BaseMAS as BaseMAS
from .embedding_cache import EmbeddingCache as EmbeddingCache
from .encoders import TextEncoder as TextEncoder
from .hetero import hetero_graphs as hetero_graphs
from .plan_graph import plan_graph as plan_graph
from .query_graph import QueryGraph as QueryGraph
from .query_graph import batch_of as batch_of
