"""ERNIE-Code: summaries of code in languages that no pair of code and text was ever seen in.

English is the pivot: spans of texts and of codes are restored, English sentences are translated into code and back, and
(in one arm alone) English messages into German and French. The claim: with the last, a German or French summary that is
asked for by its prefix is closer to the reference and in the right language, though no training example holds German
or French beside code.

The laptop scale reads DIR/corpus.json (mined Python) and DIR/catalogues/PACKAGE/*.po or *.mo; its test are functions
whose documentation's first sentence one of the catalogues translates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from phloem.corpora.gettext_parallel import Message, catalogues, normalised
from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.learn.language_sampling import smoothed
from phloem.learn.objectives.span_corruption import Pair, corrupt, segmented_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.objectives.translation_lm import prefix, translation
from phloem.learn.pretraining_mixture import Listed, Task, paired
from phloem.measure.bootstrap import with_count
from phloem.measure.language_identification import LanguageIdentifier
from phloem.measure.text import bleu, bleu_addends, chrf, chrf_addends
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.code_text import code_text
from phloem.represent.marked_code import unit_text
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    answers,
    functions_of,
    phase,
    small_t5,
)
from phloem.tasks.accessors import QUALITIES, THINGS, accessors
from phloem.tasks.crosslingual import Held, Item, PivotSets, Side, pivot_sets

SPOKEN = {"en": "English", "de": "German", "fr": "French"}
WRITTEN = {"python": "Python"}
ALPHA = 0.3
FEWEST = 50  # test functions with a translated sentence
PUBLISHED = Sizes(
    units=250_000, width=768, heads=12, layers=12, inner=2048, code=1024, text=1024, target=1024, batch=512, rate=1e-4
)
# Words of the generated sentences, in the order of QUALITIES and THINGS.
_GERMAN = (
    "offene letzte wichtigste lokale entfernte übliche jetzige verborgene gemeinsame aktive rohe",
    "Anschluss Datei Name Pfad Nutzer Knoten Marke Farbe Wert Zustand Schlüssel Stelle",
)
_FRENCH = (
    "ouvert dernier principal local distant habituel actuel masqué partagé actif brut",
    "port fichier nom chemin utilisateur noeud jeton couleur valeur état clé indice",
)


class Asked(NamedTuple):
    """A function of the test with its sentence in each language."""

    code: str
    sentences: dict[str, str]


class World(NamedTuple):
    """The training sets, the test, the units, and who tells languages apart."""

    sets: PivotSets
    test: list[Asked]
    units: BytePairs
    identifier: LanguageIdentifier


def generated_sentences(name: str) -> dict[str, str]:
    """What an accessor does, in three languages."""
    action, _, rest = name.partition("_")
    quality, _, thing = rest.partition("_")
    places = QUALITIES.index(quality), THINGS.index(thing)
    german = " ".join(words.split()[place] for words, place in zip(_GERMAN, places, strict=True))
    french = " ".join(words.split()[place] for words, place in zip(_FRENCH[::-1], places[::-1], strict=True))
    what = ["get", "set", "has", "clear", "count", "add"].index(action)
    english = ("return", "change", "tell whether there is", "forget", "count", "add an item to")[what]
    verb = ("liefert", "setzt", "sagt ob es gibt", "vergisst", "zählt", "fügt etwas an")[what]
    verbe = ("rend", "change", "dit si on a", "oublie", "compte", "ajoute à")[what]
    return {
        "en": f"{english} the {quality} {thing} of this object",
        "de": f"{verb} der {german} dieses Objekts",
        "fr": f"{verbe} le {french} de cet objet",
    }


@lru_cache(maxsize=1)
def world(functions: Functions, sizes: Sizes) -> World:
    """All of a scale, made once for all runs. Raises PhloemError where too few functions have a translated sentence."""
    if functions.folder is None:
        train = [(each, generated_sentences(each.name)) for each in accessors("train")]
        messages = [
            Message(said["en"], said[language], language, "generated") for _, said in train for language in ("de", "fr")
        ]
        examples = [each._replace(doc=said["en"].capitalize() + ".", project="generated") for each, said in train]
        test = [Asked(code_text(each), generated_sentences(each.name)) for each in accessors("test")[:24]]
    else:
        messages = [
            each for each in catalogues(functions.folder / "catalogues") if each.language in SPOKEN and each.target
        ]
        examples = functions.of("train")
        test = translated(functions.of("test") + functions.of("validation"), messages)
        if len(test) < FEWEST:
            raise PhloemError(
                f"{len(test)} test functions have a sentence that {functions.folder}/catalogues translates into "
                f"German and French, {FEWEST} are needed: add catalogues of packages whose documentation is translated"
            )
    held = Held(frozenset(normalised(text) for each in test for text in each.sentences.values()), frozenset())
    spoken: dict[str, list[str]] = {language: [] for language in SPOKEN}
    for message in messages:
        if not {normalised(message.source), normalised(message.target)} & held.texts:
            spoken["en"].append(message.source)
            spoken[message.language].append(message.target)
    identifier = LanguageIdentifier.fit(spoken)
    sets = pivot_sets(examples, messages, identifier, held)
    texts = [side.text for item in sets.items() for side in item.sides]
    heads = [head(one, other) for one in (*SPOKEN, *WRITTEN) for other in (*SPOKEN, *WRITTEN) if one != other]
    return World(sets, test, BytePairs.fit(texts + 3 * heads, sizes.units, sentinels=sizes.sentinels), identifier)


def translated(examples: Sequence[Example], messages: Sequence[Message]) -> list[Asked]:
    """The functions whose first sentence the messages translate into all languages."""
    known: dict[str, dict[str, str]] = {}
    for message in messages:
        known.setdefault(normalised(message.source).rstrip("."), {})[message.language] = message.target
    found = []
    for example in examples:
        sentence = first_sentence(example.doc)
        others = known.get(normalised(sentence).rstrip("."), {})
        if sentence and {"de", "fr"} <= others.keys():
            found.append(Asked(code_text(example), {"en": sentence, "de": others["de"], "fr": others["fr"]}))
    return found


def head(source: str, target: str) -> str:
    """The prefix of a translation between languages by their codes."""
    names = {**SPOKEN, **WRITTEN}
    return prefix(names[source], names[target])


def tasks_of(known: World, sizes: Sizes, text_pairs: bool) -> tuple[Listed, list[Task]]:
    """The items are drawn by the tasks themselves, each language by its smoothed share; a batch has one kind."""
    units = known.units
    cache: dict[str, np.ndarray] = {}

    def ids(text: str) -> np.ndarray:
        if text not in cache:
            cache[text] = np.array(units.encode(text)[: sizes.code], np.int32)
        return cache[text]

    def alone(item: Item, rng: np.random.Generator) -> Pair:
        own = ids(item.sides[0].text)
        return corrupt(own, segmented_spans(len(own), rng)[: units.sentinels - 1], units.sentinel)

    def both(item: Item, rng: np.random.Generator) -> Pair:
        one, other = item.sides if rng.random() < 0.5 else item.sides[::-1]
        return translation(ids(head(one.language, other.language)), ids(one.text), ids(other.text))

    def task(name: str, items: list[Item], make: Any) -> Task:
        languages = [item.sides[-1].language for item in items]
        kinds = sorted(set(languages))
        groups = [[item for item, language in zip(items, languages, strict=True) if language == kind] for kind in kinds]
        shares = smoothed([len(group) for group in groups], ALPHA)

        def batch(chosen: list[Any], rng: np.random.Generator) -> TokenBatch:
            drawn = [groups[number] for number in rng.choice(len(groups), len(chosen), p=shares).tolist()]
            pairs = [make(group[int(rng.integers(len(group)))], rng) for group in drawn]
            return paired(pairs, source=sizes.code, target=sizes.target)

        return Task(name, batch, TokenCrossEntropy())

    sets = known.sets
    kinds = [
        task("texts", sets.texts, alone),
        task("codes", sets.codes, alone),
        task("code pairs", sets.code_pairs, both),
    ]
    if text_pairs:
        kinds.append(task("text pairs", sets.text_pairs, both))
    return Listed(list(range(len(sets.code_pairs))), lambda _: 1), kinds


def asked(known: World, sizes: Sizes, side: Side, target: str) -> Pair:
    """A question by its prefix."""
    front, text = known.units.encode(head(side.language, target)), known.units.encode(side.text)
    return Pair(np.array([*front, *text][: sizes.code], np.int32), np.zeros(0, np.int32))


def said(known: World, model: Any, sizes: Sizes, sides: Sequence[Side], target: str) -> list[str]:
    """What the model writes in the language `target`."""
    make = partial(_asked_of, known, sizes, target)
    return [unit_text(known.units, output) for output in answers(model, sides, make, sizes=sizes, length=sizes.text)]


def _asked_of(known: World, sizes: Sizes, target: str, side: Side) -> Pair:
    return asked(known, sizes, side, target)


def measured(known: World, model: Any, sizes: Sizes) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Zero-shot summaries in German and French, English ones, translations; and what translating English summaries
    gives instead."""
    codes = [Side(each.code, "python", code=True) for each in known.test]
    english = said(known, model, sizes, codes, "en")
    chrf_rows, right, translated_rows, detour = [], [], [], []
    for language in ("de", "fr"):
        wanted = [each.sentences[language] for each in known.test]
        given = said(known, model, sizes, codes, language)
        chrf_rows.append(chrf_addends(wanted, given))
        right += [float(known.identifier.identify(text) == language) for text in given]
        sides = [Side(each.sentences["en"], "en") for each in known.test]
        translated_rows.append(chrf_addends(wanted, said(known, model, sizes, sides, language)))
        detour.append(chrf_addends(wanted, said(known, model, sizes, [Side(text, "en") for text in english], language)))
    units = {
        "chrF": np.concatenate(chrf_rows),
        "right language": with_count(np.array(right)),
        "English BLEU": bleu_addends([each.sentences["en"] for each in known.test], english),
        "chrF, translated": np.concatenate(translated_rows),
    }
    return units, {"chrF through English": float(chrf(np.concatenate(detour).sum(axis=0)))}


def train_pivot(job: Job, functions: Functions, budget: dict[str, Any], sizes: Sizes, text_pairs: bool) -> Outcome:
    """Train on the sets and ask for summaries."""
    known = world(functions, sizes)
    model = fresh(lambda: small_t5(known.units.size, sizes), job.seed)
    few = known._replace(test=known.test[:6])
    untrained = measured(few, model, sizes)[0]
    items, tasks = tasks_of(known, sizes, text_pairs)
    facts = phase(model, items, tasks, job, "training", sizes=sizes, budget=budget)
    units, more = measured(known, model, sizes)
    before = {name: float(METRICS[name].of(rows.sum(axis=0))) for name, rows in untrained.items()}
    return Outcome(units, before, {**facts, **more, "tested": len(known.test)})


METRICS = {
    "chrF": Metric(chrf),
    "right language": ACCURACY,
    "English BLEU": Metric(bleu),
    "chrF, translated": Metric(chrf),
}


@system("ernie-code", row="S186", room="understanding")
def ernie_code(scale: Scale) -> Claim:
    """Chai, Wang, Pang, Sun, Tian, Wu: ERNIE-Code: Beyond English-Centric Cross-lingual Pretraining (2023).

    German and French summaries through English as the pivot; the laptop scale needs mined Python and catalogues
    (--data).
    """
    functions = functions_of(scale, "ernie-code", train=24_000, validation=20_000, test=20_000)
    sizes = {
        "smoke": Sizes(**{**asdict(TINY), "units": 700, "text": 24, "target": 40}),
        "laptop": Sizes(code=160),
        "paper": PUBLISHED,
    }[scale.name]
    budget = scale.budget(smoke=26, laptop=9.0, paper=10)

    def arm(name: str, text_pairs: bool) -> Arm:
        run = partial(train_pivot, functions=functions, budget=budget, sizes=sizes, text_pairs=text_pairs)
        return Arm(name, run, {**asdict(sizes), "text pairs": text_pairs})

    arms = arm("with pairs of texts", True), arm("English alone", False)
    return Claim(
        kind="trained",
        task="summaries in German and French of code that was only ever paired with English",
        metrics=METRICS,
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("sentences are translated", "chrF, translated", "with pairs of texts", None, 25.0),
        budget=budget,
        data=functions.facts(),
        launch="phloem mine SOURCES --out DIR && cp -r CATALOGUES DIR/catalogues && "
        "phloem reproduce ernie-code --scale paper --data DIR",
    )


CLAUSES = (
    Clause("summaries gain 3 chrF", "chrF", "with pairs of texts", "English alone", 3.0),
    Clause("in the right language in 70%", "right language", "with pairs of texts", None, 0.70),
    Clause("English ones lose at most 0.5 BLEU", "English BLEU", "with pairs of texts", "English alone", -0.5),
)
