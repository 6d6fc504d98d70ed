from .closed_loop import ClosedLoopProgram as ClosedLoopProgram
from .feedback import FeedbackProgram as FeedbackProgram
from .linear import LinearProgram as LinearProgram
from .planner import PlannerProgram as PlannerProgram
from .self_consistency import SelfConsistencyProgram as SelfConsistencyProgram
from .star import StarProgram as StarProgram
from .tabled_loop import TabledLoopProgram as TabledLoopProgram
