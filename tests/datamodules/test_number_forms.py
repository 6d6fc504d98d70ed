"""Numbers in full width, in Chinese, with spaces between thousands; and what is two numbers."""

from fractions import Fraction

import pytest

from datamodules.scoring import last_number
from datamodules.scoring.latex import final_answer, same

WIDE = {
    "１２": 12,
    "答案：１２": 12,
    "Answer: １２": 12,
    "１，０００": 1000,
    "１２．５": Fraction(25, 2),
    "－５": -5,
    "＄１８": 18,
    "￥１８": 18,
    "２５％": 25,
    "３／４": Fraction(3, 4),
    "７＋５＝１２": 12,
    r"\boxed｛４２｝": 42,
    "x² 是 5": 5,
    "The side is 5 and the area 5²": 5,
    "2，300": 300,
    "第１，２": 2,
    "Ｈ２Ｏ": None,
    "½": None,
    "⑤": None,
    "Ｘ１": None,
    "答案：５～１０": None,
    "５：３０，答案：５：３０": None,
}
CHINESE = {
    "答案是42": 42,
    "答案为 42": 42,
    "答案：42": 42,
    "答案是：**42**": 42,
    "**答案：42**": 42,
    "【答案】42": 42,
    "答案应该是42个。": 42,
    "答案是42，其中3个是红的。": 42,
    "答案是42个苹果，分给3个孩子。": 42,
    "答案是-5": -5,
    "答案是负5": -5,
    "答案是¥18。": 18,
    "答案是5万元。": 50_000,
    "答案是1.5亿": 150_000_000,
    "所以是 42": 42,
    "9*24=192\n所以8个牛棚共有192头牛": 192,
    "9*8=72，所以总数是80": 80,
    "等于42": 42,
    "7加5等于12，其中3个是红的": 12,
    "结果是42，用了3步。": 42,
    "一共42个": 42,
    "3+4=7，7*6=42。": 42,
    "答案是11。不对，应该是12。": 12,
    "答案是11。等等，答案是12。": 12,
    "答案是12。不对的是第3步": 12,
    "答案不是5，而是6。": 6,
    "7加5不等于13": 13,
    "没有答案": None,
    "答案未知": None,
    "答案3: 42": 42,
    "答案是負5": -5,
    "答案是7萬": 70_000,
    "答案是1万5千": None,
    "答案是5或6": None,
    "答案是5个或6个。": None,
    "答案是5到6": None,
    "答案是5至6之间": None,
    "答案是3:45": None,
}
GROUPED = {
    "1 000": 1000,
    "12 345 678": 12_345_678,
    "1 234.5": Fraction(2469, 2),
    "1 234,5": Fraction(2469, 2),
    "12 345,67 €": Fraction(1234567, 100),
    "1\u2009000": 1000,
    "1\u202f000": 1000,
    "1\u00a0000": 1000,
    "12\u2009345\u2009678": 12_345_678,
    "1\u202f234,5": Fraction(2469, 2),
    "The answer is 1 200.": 1200,
    "The answer is 1 200 apples.": 1200,
    "The answer is 1 200 apples for 3 children.": 1200,
    "The answer is **1 200** square metres.": 1200,
    r"\boxed{1 200}": 1200,
    r"The answer is $1 200$": 1200,
    "-$1 200": -1200,
    "600 + 600 = 1 200": 1200,
    "= 9 500 more than before.\n#### 9 500": 9500,
    "5 × 1 200 = 6 000 ml": 6000,
    "She earned 1 234 dollars.": 1234,
    "答案是 1 200 个。": 1200,
    "She packs items 3 000": 3000,
    "The answer is 1 200 300.": 1_200_300,  # two groups: no list has its commas like that
}
TWO_NUMBERS = {
    "The answer is 5 100 dollar bills.": 5,
    "The answer is 2 300 ml bottles": 2,
    "The answer is 5 100-dollar bills.": 5,
    "The answer is 5 10 100": 5,
    "5 10 100": 100,
    "5 10 100 1000": 1000,
    "in 2000 150 people": 150,
    "There came in 12 150 people": 150,
    "On day 5 120 visitors": 120,
    "Bus #5 120 visitors": 120,
    "On May 12 150 people.": 150,
    "Step 3 200 + 100 = 300": 300,
    "The answer is 1 20": 1,
    "The answer is 1 2000": 1,
    "The answer is 1234 567": 1234,
    "The answer is 0 500": 0,
    "The answer is 1  200": 1,
    "The answer is 1 200 30": 1,
    "The answer is 1\n200": 1,
    "The answer is 1 200/300": Fraction(5, 3),
    "The answer is 3.5 200": Fraction(7, 2),
    "1, 200": 200,
    "1\u2009200 30": 30,
    "call 555 123 4567": 4567,
    "In v2 500": 500,
}


@pytest.mark.parametrize(
    ("response", "number"),
    [*WIDE.items(), *CHINESE.items(), *GROUPED.items(), *TWO_NUMBERS.items()],
)
def test_number(response: str, number: Fraction | int | None) -> None:
    assert last_number(response) == number


@pytest.mark.parametrize(
    ("gold", "response", "right"),
    [
        ("12", r"\boxed{１２}", True),
        ("12", "答案是12。", True),
        ("12", "**答案：** $12$", True),
        ("18", "答案是18米。", True),
        ("1000", r"\boxed{1 000}", True),
        ("1000", "The answer is 1\u202f000.", True),
        ("(2,3)", "答案：（2，3）", True),
        ("1,3", r"\boxed{1，3}", True),
        ("25", r"\boxed{5²}", False),
        ("52", r"\boxed{5²}", False),
        ("5", "答案是5万", False),
        ("13", r"\boxed{1 3}", False),
        ("12", "答案不是12，是13", False),
        ("5100", r"\boxed{5 10 100}", False),
    ],
)
def test_latex(gold: str, response: str, right: bool) -> None:
    assert (same(gold, final_answer(response) or "") is True) == right
