"""A memory network answers questions about short stories.

python examples/memory_network.py
python examples/memory_network.py --facts 2 --stories 10000 --epochs 40

The stories are made here, by the grammar of the bAbI tasks 1 and 2 (Weston et al. 2015, arXiv:1502.05698): people go
from place to place, with --facts 2 they also carry things about, and the question needs that many of the sentences.
The network is Sukhbaatar et al. 2015 (arXiv:1503.08895). Needs kcore-layers-extra.
"""

import argparse
import contextlib

import numpy as np

import kcore
from kcore.layers import Dense, Input, MemoryNetwork
from kcore.models import Model
from kcore.optimizers import Adam

PEOPLE = ("mary", "john", "daniel", "sandra")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
GOES = ("went to the", "moved to the", "journeyed to the", "travelled to the", "went back to the")
TAKES = ("got the", "took the", "grabbed the", "picked up the")
DROPS = ("dropped the", "put down the", "left the", "discarded the")


class World:
    """Who is where, and who carries what."""

    def __init__(self, rng):
        self.rng = rng
        self.at, self.carrier, self.left_at = {}, {}, {}

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def go(self):
        """One sentence: somebody goes to another place."""
        person = self.pick(PEOPLE)
        self.at[person] = self.pick([p for p in PLACES if p != self.at.get(person)])
        return f"{person} {self.pick(GOES)} {self.at[person]}"

    def handle(self):
        """One sentence: somebody takes or drops a thing; None if nobody can."""
        carried = [(p, t) for t, p in self.carrier.items()]
        free = [(p, t) for p in self.at for t in THINGS if t not in self.carrier]
        free = [(p, t) for p, t in free if self.left_at.get(t, self.at[p]) == self.at[p]]
        if not carried and not free:
            return None
        if carried and (not free or self.rng.random() < 0.4):
            person, thing = self.pick(carried)
            del self.carrier[thing]
            self.left_at[thing] = self.at[person]
            return f"{person} {self.pick(DROPS)} {thing}"
        person, thing = self.pick(free)
        self.carrier[thing] = person
        self.left_at.pop(thing, None)
        return f"{person} {self.pick(TAKES)} {thing}"

    def place_of(self, thing):
        """Where a thing is, None if no sentence tells."""
        return self.at[self.carrier[thing]] if thing in self.carrier else self.left_at.get(thing)


def story(rng, facts, longest):
    """(sentences, question, answer): texts; the answer is a place."""
    world = World(rng)
    sentences = []
    for _ in range(int(rng.integers(2 * facts, longest + 1))):
        handled = world.handle() if facts == 2 and rng.random() < 0.35 else None
        sentences.append(handled or world.go())
    if facts == 1:
        person = world.pick(list(world.at))
        return sentences, f"where is {person}", world.at[person]
    known = [t for t in THINGS if world.place_of(t)]
    if not known:
        return story(rng, facts, longest)
    thing = world.pick(known)
    return sentences, f"where is the {thing}", world.place_of(thing)


def vocabulary():
    """Every word of the grammar -> its number from 1; 0 is no word."""
    texts = (*PEOPLE, *PLACES, *THINGS, *GOES, *TAKES, *DROPS, "where is the")
    return {word: i for i, word in enumerate(sorted({w for t in texts for w in t.split()}), 1)}


def numbered(texts, words, length):
    """Sentences as rows of word numbers, 0 behind the last: (sentences, length)."""
    rows = np.zeros((len(texts), length), "int32")
    for row, text in zip(rows, texts):
        found = [words[w] for w in text.split()]
        row[: len(found)] = found
    return rows


def make_data(rng, count, facts, longest, words):
    """Stories (count, longest, 6), the newest sentence first; questions (count, 6); answers (count,)."""
    stories = np.zeros((count, longest, 6), "int32")
    questions, answers = np.zeros((count, 6), "int32"), np.zeros((count,), "int32")
    for i in range(count):
        sentences, question, answer = story(rng, facts, longest)
        stories[i, : len(sentences)] = numbered(sentences[::-1], words, 6)
        questions[i] = numbered([question], words, 6)[0]
        answers[i] = PLACES.index(answer)
    return [stories, questions], answers


def build_model(longest, words, units, hops, rate):
    """[story (batch, longest, 6), question (batch, 6)] -> the probability of each place (batch, 6)."""
    told, asked = Input((longest, 6), dtype="int32"), Input((6,), dtype="int32")
    found = MemoryNetwork(words + 1, units, hops)([told, asked])
    answer = Dense(len(PLACES), activation="softmax")(found)
    model = Model([told, asked], answer)
    model.compile(Adam(rate, clipnorm=40.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", help="engine to run on (default: the configured one)")
    parser.add_argument("--facts", type=int, choices=(1, 2), default=1, help="sentences needed for an answer")
    parser.add_argument("--stories", type=int, default=5000, help="stories to learn from (default: 5000)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over them (default: 20)")
    parser.add_argument("--longest", type=int, default=10, help="the most sentences of a story (default: 10)")
    parser.add_argument("--units", type=int, default=32, help="numbers of each memory (default: 32)")
    parser.add_argument("--hops", type=int, default=3, help="looks into the memory (default: 3)")
    parser.add_argument("--rate", type=float, default=0.005, help="learning rate (default: 0.005)")
    parser.add_argument("--seed", type=int, default=0, help="for weights and stories (default: 0)")
    parser.add_argument("--verbose", type=int, default=2, help="what fit prints (default: 2)")
    options = parser.parse_args(arguments)

    engine = kcore.use_backend(options.backend) if options.backend else contextlib.nullcontext()
    with engine:
        kcore.set_seed(options.seed)
        rng, words = np.random.default_rng(options.seed), vocabulary()
        x, y = make_data(rng, options.stories, options.facts, options.longest, words)
        x_test, y_test = make_data(rng, 1000, options.facts, options.longest, words)
        model = build_model(options.longest, len(words), options.units, options.hops, options.rate)
        model.fit(x, y, batch_size=32, epochs=options.epochs, verbose=options.verbose)
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        sentences, question, _ = story(rng, options.facts, options.longest)
        asked = [numbered(sentences[::-1], words, 6), numbered([question], words, 6)[0]]
        padded = np.zeros((1, options.longest, 6), "int32")
        padded[0, : len(sentences)] = asked[0]
        answer = PLACES[int(np.argmax(model.predict([padded, asked[1][None]])))]
        print("\n" + "\n".join(f"{s}." for s in sentences) + f"\n{question}?  {answer}")
        print(f"\ntest accuracy: {100 * accuracy:.1f} %")
    return accuracy


if __name__ == "__main__":
    main()
