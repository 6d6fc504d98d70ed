from .catalogue import catalogue_of as catalogue_of
from .catalogue import write_catalogue as write_catalogue
from .layouts import read_outcomes as read_outcomes
from .table import OutcomeTable as OutcomeTable
