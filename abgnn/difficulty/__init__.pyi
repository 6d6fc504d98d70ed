from .rated import difficulty_loss as difficulty_loss
from .rated import fit_difficulty as fit_difficulty
from .rated import rated_ease as rated_ease
from .start import start_difficulty as start_difficulty
