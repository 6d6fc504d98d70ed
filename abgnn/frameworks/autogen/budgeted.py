"""stub"""


class BudgetedTeam: ...


def budgeted(): ...
