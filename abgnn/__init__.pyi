from .data.backbone import Backbone as Backbone
from .data.catalogue import Catalogue as Catalogue
from .data.outcome import Outcome as Outcome
from .data.plan import Plan as Plan
from .data.query import Query as Query
from .data.template import Template as Template
from .graph.base_mas import BaseMAS as BaseMAS
from .graph.query_graph import QueryGraph as QueryGraph
from .models.agent_balance import AgentBalance as AgentBalance
from .models.policy import Policy as Policy
from .planning.budgets import Budget as Budget
from .planning.calibration import Calibration as Calibration
from .planning.plan_file import PlanFile as PlanFile
from .rollout.executor import Executor as Executor
from .rollout.settings import RolloutSettings as RolloutSettings
from .serve.system import System as System
from .training.reinforce import Reinforce as Reinforce

__version__: str
