"""Question sets: each yields `abgnn.data.Query` objects and judges responses to them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
