from .answer_model import AnswerModel as AnswerModel
from .lookahead import Step as Step
from .lookahead import decide as decide
from .posterior import Posterior as Posterior
from .problem import Asked as Asked
from .problem import LoopProblem as LoopProblem
