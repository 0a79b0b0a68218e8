"""RASP: a language whose programs are what transformers can do (Weiss, Goldberg and Yahav, ICML 2021).

`interpreter` runs programs, `schedule` counts the layers and heads that they need, `compile` writes them down as the
weights of a transformer.
"""

from phloem.synthesis.rasp.evaluate import evaluate
from phloem.synthesis.rasp.grammar import RaspError, parse
from phloem.synthesis.rasp.graph import Node
from phloem.synthesis.rasp.interpreter import Computed, Session, Shown
from phloem.synthesis.rasp.schedule import Layer, Schedule, analyse

__all__ = ["Computed", "Layer", "Node", "RaspError", "Schedule", "Session", "Shown", "analyse", "evaluate", "parse"]
