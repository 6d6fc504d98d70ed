"""How hard a question is (section 3.1.2, Appendix F): estimators, their data, the shipped head."""

from abgnn.difficulty.rated import difficulty_loss, fit_difficulty, rated_ease
from abgnn.difficulty.start import start_difficulty

__all__ = ["difficulty_loss", "fit_difficulty", "rated_ease", "start_difficulty"]
