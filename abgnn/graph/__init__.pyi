from .base_mas import BaseMAS as BaseMAS
from .embedding_cache import EmbeddingCache as EmbeddingCache
from .encoders import TextEncoder as TextEncoder
from .query_graph import QueryGraph as QueryGraph
from .query_graph import batch_of as batch_of
