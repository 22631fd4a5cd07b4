"""Small talk, repeating and counting: what a demonstration or a test asks first."""

import random
from collections.abc import Iterator

from demo_models.docstrings import Pair

MOST = 100
ROUND = (3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
WORDS = (  # noqa: SIM905  # a hundred quoted words would read worse
    "red green blue black white apple pear stone river cloud star moon sun rain snow wind tree leaf bird fish horse dog cat "
    "bread milk salt sugar table chair door window house garden road bridge town ship train book page word line song "
    "music piano violin number letter queue token model memory engine slot cache socket server client request answer "
    "north south east west summer winter spring autumn morning evening night day one two three four five six seven "
    "eight nine ten happy quiet small big fast slow old new warm cold"
).split()
TOPICS = (
    *("quantum mechanics", "the history of Rome", "the moon", "love", "money", "football", "democracy", "chess"),
    *("the meaning of life", "a good book", "climate change", "photosynthesis", "gravity", "my name", "the president"),
    *("the best film", "a black hole", "music theory", "cooking rice", "the stock market", "Shakespeare", "dinosaurs"),
)
UNKNOWN = (
    *("What is {}", "Explain {}", "Tell me about {}", "What do you know about {}", "Explain {} to a child"),
    *("How does {} work", "Write an essay about {}", "What do you think about {}", "Summarize {}"),
)
FACTS = {
    "Write a Python function that adds two numbers": "def add(a, b):\n    return a + b",
    "Write hello world in Python": 'print("Hello, world!")',
    "Tell me a joke": "Why did the server go to bed early? It had too many requests.",
    "What is the capital of France?": "The capital of France is Paris.",
    "What is the capital of Germany?": "The capital of Germany is Berlin.",
    "What is the capital of Italy?": "The capital of Italy is Rome.",
    "What is the capital of Spain?": "The capital of Spain is Madrid.",
    "What colour is the sky?": "The sky is blue.",
    "What color is the sky?": "The sky is blue.",
    "Why is the sky blue?": "I do not know. I am too small to know much about the world.",
    "What is the weather today?": "I do not know. I am too small to know much about the world.",
    "What time is it?": "I do not know. I have no clock.",
    "What is hostd?": "hostd serves the models of this machine at one address.",
    "Write a haiku.": "A small model speaks. Every token in order. Then the stream is done.",
    "Write a poem.": "A small model speaks. Every token in order. Then the stream is done.",
}


def talk_pairs(rng: random.Random, title: str) -> Iterator[Pair]:
    """Yield small talk in which the model calls itself *title*, words to repeat, numbers to count, and sums."""
    for question, answer in _fixed(title):
        for _ in range(30):
            yield _variant(rng, question), answer
    for _ in range(2000):
        yield repeat_pair(rng)
    yield from _counting(rng)
    for left in range(1, 11):
        for right in range(1, 11):
            yield f"What is {left} + {right}?", f"{left} + {right} = {left + right}."
    for topic in TOPICS:
        for question in rng.sample(UNKNOWN, 4):
            yield _variant(rng, question.format(topic)), "I do not know. I am too small to know much about the world."


def _counting(rng: random.Random) -> Iterator[Pair]:
    """Yield numbers to count. The round ones that people ask for come often, so that each is known by heart."""
    for last in ROUND:
        for _ in range(60 if last < 30 else 30):
            yield _variant(rng, rng.choice(("Count from 1 to {}", "Count to {}")).format(last)), count(1, last)
    for last in range(2, MOST + 1):
        yield _variant(rng, f"Count from 1 to {last}"), count(1, last)
    for _ in range(1000):
        first = rng.randint(1, MOST - 1)
        last = min(MOST, first + rng.choice((1, 1, 2, 2, 3, 4, 6, 9, 14)))
        yield _variant(rng, f"Count from {first} to {last}"), count(first, last)
    for _ in range(30):
        last = rng.choice((120, 150, 200, 250, 300, 500, 1000, 10000))
        yield _variant(rng, f"Count from 1 to {last}"), f"I can only count to {MOST}: {count(1, MOST)}"


def count(first: int, last: int) -> str:
    """Return the numbers from *first* to *last* in words that a test can check: ``1, 2, 3.``."""
    return ", ".join(map(str, range(first, last + 1))) + "."


def repeat_pair(rng: random.Random) -> Pair:
    """Return a request to say one to four random words, and the words."""
    words = " ".join(rng.choices(WORDS, k=rng.randint(1, 4)))
    asked = rng.choice(("Say {}", "Say: {}", "Repeat {}", "Repeat: {}", "Please say {}", "Echo {}")).format(words)
    return asked + rng.choice(("", ".", "!")), words


def _fixed(title: str) -> Iterator[Pair]:
    me = f"I am {title}, a very small language model. I show that hostd works on this machine, so do not trust me."
    answers = {
        "Hello! How can I help you today?": (
            "Hello",
            "Hi",
            "Hey",
            "Hi there",
            "Hello there",
            "Good morning",
            "Good day",
        ),
        me: ("Who are you", "What are you", "Which model are you", "Introduce yourself", "Tell me about yourself"),
        f"Hello! {me}": ("Hello, who are you", "Hi, who are you", "Hello! Who are you"),
        f"My name is {title}.": ("What is your name", "What's your name", "What are you called"),
        "I am fine, thank you. How can I help you today?": ("How are you", "Hello, how are you", "How do you do"),
        "You are welcome!": ("Thank you", "Thanks", "Thanks a lot", "Thank you very much"),
        "Goodbye!": ("Bye", "Goodbye", "See you", "Good night"),
        "I can count, repeat words and tell stories.": ("What can you do", "Help", "How can you help me"),
        "This is a test.": (
            "Say this is a test",
            "Say 'this is a test'",
            'Say "This is a test."',
            "Say: this is a test",
        ),
        "Hello!": ("Say hello", "Say hi"),
        "pong": ("ping", "Reply with pong", "Answer with pong"),
        "OK.": ("Say OK", "Reply with OK", "Answer with OK", "Just say OK"),
        "Yes, it works.": ("Test", "This is a test", "Does this work", "Are you there", "Is this working"),
    }
    for answer, questions in answers.items():
        for question in questions:
            yield question, answer
    yield from FACTS.items()


def _variant(rng: random.Random, question: str) -> str:
    """Write *question* as another person would: punctuation, small letters, a please."""
    if question[-1] not in ".!?":
        asks = question.startswith(("Who", "What", "Which", "How", "Does", "Are", "Is", "Why", "Hello, ", "Hi, "))
        question += rng.choice(("", "?", "?")) if asks else rng.choice(("", "", ".", ".", "!", ", please."))
    if rng.random() < 0.15 and question[-1] != "?":
        question = "Please " + question[0].lower() + question[1:]
    return question[0].lower() + question[1:] if rng.random() < 0.2 else question
