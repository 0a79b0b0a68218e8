"""The survey's taxonomy of phloem's own systems: which there are, what each is, and which tasks they leave out.

Two tables, made of the cards and of the program: every system with its family, modality, objective, data, licence and
metric, each word from a closed vocabulary; and every kind of task of the survey with the commands that do it, or the
words "not covered". A system is right if its entry is complete, a task if it is in the table in one of these ways.
"""

from __future__ import annotations

import numpy as np

from phloem.analysis import taxonomy, taxonomy_tables
from phloem.analysis.taxonomy import Entry
from phloem.measure.bootstrap import with_count
from phloem.systems import registry
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system


def entries() -> list[Entry]:
    """An entry for each system that there is."""
    cards = [registry.card(name) for name in registry.names()]
    return [taxonomy.entry(each.name, each.row, each.room, each.source, each.claim.__module__) for each in cards]


def check_cards(job: Job) -> Outcome:
    """Each system: complete or not."""
    every, words = entries(), taxonomy.vocabularies()
    faults = [taxonomy.faults(each, words) for each in every]
    facts = {
        "systems": len(every),
        "faults": [one for many in faults for one in many],
        "families": {family: len(many) for family, many in taxonomy.by(every, "family").items()},
        "table": taxonomy_tables.family_table(every).splitlines(),
    }
    # one unit of all systems: how many there are differs from version to version
    right = float(sum(not each for each in faults))
    return Outcome({"complete": np.array([[right, float(len(every))]])}, {"complete": 0.0}, facts)


def check_tasks(job: Job) -> Outcome:
    """Each kind of task: in the table with a command, or as not covered."""
    every, known = entries(), taxonomy_tables.commands()
    table, covered = taxonomy_tables.task_table(every, known), taxonomy_tables.coverage(every, known)
    lines = table.splitlines()[2:]
    right = [
        sum(f"| {each.kind.name} | {each.listed} |" in line for line in lines) == 1
        and all(command in known for command in each.commands)
        for each in covered
    ]
    facts = {
        "not covered": [each.kind.name for each in covered if not each.commands],
        "grid": taxonomy_tables.grid(every),
        "table": table.splitlines(),
    }
    return Outcome({"complete": with_count(np.array(right, float))}, {"complete": 0.0}, facts)


@system("survey-code-lm", row="S024", room="understanding")
def survey_code_lm(scale: Scale) -> Claim:
    """Zhang et al.: A Survey on Language Models for Code (arXiv 2311.07989, 2023; TMLR).

    The taxonomy of phloem's systems and the tasks that its commands cover, made from the code.
    """
    arms = Arm("systems", check_cards, {}), Arm("tasks", check_tasks, {})
    return Claim(
        kind="table",
        task="entries of the taxonomy",
        metrics={"complete": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("every system has a complete entry", "complete", "systems", None, 1.0),
        data={"entries": "phloem's own systems and commands"},
        launch="phloem reproduce survey-code-lm --scale laptop",
    )


CLAUSES = (
    Clause("every system has a complete entry", "complete", "systems", None, 1.0),
    Clause("every kind of task has a command or is listed as not covered", "complete", "tasks", None, 1.0),
)
