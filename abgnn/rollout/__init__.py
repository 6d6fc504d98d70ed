"""Executing plans: no torch in here, and nothing that a plan or a reply could change."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
