from .calibrate import calibrate_experiment as calibrate_experiment
from .certify import certify_policy as certify_policy
from .deployment import Deployment as Deployment
from .experiment import Experiment as Experiment
from .experiment import build as build
from .trained import Trained as Trained
from .trained import from_checkpoint as from_checkpoint
from .trained import from_config as from_config
