"""A system as tools of the Model Context Protocol, over standard streams or HTTP."""
