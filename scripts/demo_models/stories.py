"""Stories put together from parts; a long one counts its days, so that greedy decoding moves on and comes to an end."""

import random
from collections.abc import Iterator

from demo_models.docstrings import Pair

HEROES = {
    "robot": ("small robot", "Ada"),
    "snake": ("green snake", "Monty"),
    "clock": ("old clock", "Tick"),
    "server": ("quiet server", "Pim"),
    "engineer": ("young engineer", "Grace"),
    "cat": ("grey cat", "Mio"),
    "dragon": ("friendly dragon", "Ember"),
    "ship": ("little ship", "Wave"),
}
WISHES = (
    "wanted to count to one million",
    "was looking for a lost file",
    "had to wait for a lock",
    "dreamed of a faster network",
    "listened to every request",
)
EVENTS = (
    "First it opened a socket and said hello.",
    "It read a line, and then it read another line.",
    "A friend sent a signal, and it woke up.",
    "It counted one, two, three, and it was happy.",
    "The queue was long, but nobody was angry.",
    "Every token came in the right order.",
    "In the evening it closed the file and went to sleep.",
)
DEEDS = (
    "walked to the sea and found a shell",
    "met a kind fox and shared some bread",
    "crossed a bridge and sang a song",
    "climbed a hill and saw the whole town",
    "slept under a tree and dreamed of stars",
    "helped a farmer and got a red apple",
    "read an old book and learned a word",
    "heard the rain and stayed by the fire",
    "built a raft and sailed on the lake",
    "drew a map and lost it in the wind",
    "followed a river and counted the fish",
    "opened a door and found another door",
)
DAYS = (5, 7, 10, 12, 15, 20)
SHORT = ("Tell me a story", "Tell me a short story", "Write a story", "Write a short story", "I want a story")
LONG = ("Tell me a long story", "Write a long story", "Tell me a very long story", "Write me a long story")


def story_pairs(rng: random.Random) -> Iterator[Pair]:
    """Yield requests for short and long stories, with and without a hero or a number of days, and the stories."""
    for _ in range(200):
        hero, about = _subject(rng)
        yield rng.choice(SHORT) + about + _end(rng), short_story(rng, hero)
    for _ in range(60):
        hero, about = _subject(rng)
        yield rng.choice(LONG) + about + _end(rng), long_story(hero, 24)
    for _ in range(60):
        hero, about = _subject(rng)
        days = rng.choice(DAYS)
        asked = rng.choice(("Tell me a story of {} days", "Write a story of {} days")).format(days)
        yield asked + about + _end(rng), long_story(hero, days)


def short_story(rng: random.Random, hero: str) -> str:
    """Return a story of six sentences about *hero*, a key of HEROES."""
    kind, name = HEROES[hero]
    middle = " ".join(sorted(rng.sample(EVENTS, 5), key=EVENTS.index))
    return f"Once upon a time there was {_a(kind)} called {name} that {rng.choice(WISHES)}. {middle} The end."


def long_story(hero: str, days: int) -> str:
    """Return a story with one sentence for each of *days*; the same each time, so that it is learnt by heart."""
    kind, name = HEROES[hero]
    diary = " ".join(f"On day {day} {name} {DEEDS[day % len(DEEDS)]}." for day in range(1, days))
    start = f"This is a story of {days} days. Once upon a time there was {_a(kind)} called {name}."
    return f"{start} {diary} On day {days} {name} came home and told everybody about it. The end."


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _subject(rng: random.Random) -> tuple[str, str]:
    """Return a hero and how the request names it; without a name it is always the robot."""
    hero = rng.choice(list(HEROES))
    return (hero, f" about {_a(hero)}") if rng.random() < 0.5 else ("robot", "")


def _end(rng: random.Random) -> str:
    return rng.choice(("", "", ".", ".", "!", ", please."))
