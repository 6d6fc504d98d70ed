from .engine import AnswerPart as AnswerPart
from .query_budget import QueryBudget as QueryBudget
from .sources import Bounds as Bounds
from .system import System as System
