from .policy import MasRouter as MasRouter
