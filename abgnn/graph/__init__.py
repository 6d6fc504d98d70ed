"""Query graphs and their parts: the base framework, text encoders, embeddings on disk."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
