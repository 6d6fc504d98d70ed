from .engine import AnswerPart as AnswerPart
from .offer import Offer as Offer
from .offer import Team as Team
from .query_budget import QueryBudget as QueryBudget
from .sources import Bounds as Bounds
from .spending import Spending as Spending
from .system import System as System
