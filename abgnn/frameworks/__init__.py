"""Systems that people already run, as templates that any policy fills in (paper section 4.3)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
