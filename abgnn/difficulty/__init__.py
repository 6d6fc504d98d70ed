"""How hard a question is (section 3.1.2, Appendix F): estimators, their data, the shipped head."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
