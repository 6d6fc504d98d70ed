from .calibrate import calibrate_experiment as calibrate_experiment
from .certify import certify_policy as certify_policy
from .experiment import Experiment as Experiment
from .experiment import build as build
from .experiment import load as load
