"""Areas and topics of MMLU's 57 subjects, in the simulated world's terms: near subjects share one.

The world has four areas with ten topics each; a topic's place in its tuple is its number. What
the world draws by topic (how hard, who is good at it) then goes with what a question's text says.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TOPICS: Mapping[str, tuple[str, ...]] = {
    "stem": (
        "abstract_algebra college_mathematics",
        "elementary_mathematics high_school_mathematics",
        "high_school_statistics",
        "college_physics conceptual_physics high_school_physics",
        "astronomy",
        "college_chemistry high_school_chemistry",
        "college_biology high_school_biology medical_genetics virology",
        "college_computer_science computer_security high_school_computer_science machine_learning",
        "electrical_engineering",
        "anatomy clinical_knowledge college_medicine human_aging nutrition professional_medicine",
    ),
    "hum": (
        "high_school_us_history",
        "high_school_european_history",
        "high_school_world_history",
        "prehistory",
        "philosophy",
        "world_religions",
        "moral_disputes",
        "moral_scenarios",
        "formal_logic logical_fallacies",
        "global_facts miscellaneous",
    ),
    "soc": (
        "high_school_geography",
        "high_school_government_and_politics us_foreign_policy",
        "high_school_macroeconomics",
        "high_school_microeconomics",
        "econometrics",
        "high_school_psychology",
        "professional_psychology",
        "human_sexuality sociology",
        "management marketing public_relations",
        "security_studies",
    ),
    "law": (
        "international_law",
        "jurisprudence",
        "professional_law",
        "business_ethics",
        "professional_accounting",
    ),
}

AREA_AND_TOPIC: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        subject: (area, topic)
        for area, topics in _TOPICS.items()
        for topic, subjects in enumerate(topics)
        for subject in subjects.split()
    }
)
"""Subject → (area, topic)."""
