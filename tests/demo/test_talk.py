"""The small talk that the demonstration models learn."""

import importlib
import random

talk = importlib.import_module("demo_models.talk")
stories = importlib.import_module("demo_models.stories")


def test_count_names_every_number_once() -> None:
    """Tests that check a streamed count can tell what is missing."""
    expected = "3, 4, 5, 6."
    assert expected == talk.count(3, 6)


def test_each_question_has_one_answer() -> None:
    """Nothing asks the model to say two things to one question, which greedy decoding would mix."""
    answers: dict[str, set[str]] = {}
    for question, answer in talk.talk_pairs(random.Random(1), "Tiny"):
        answers.setdefault(question.strip(" .!?").lower(), set()).add(answer.lower())
    assert not {question: said for question, said in answers.items() if len(said) > 1}


def test_model_calls_itself_by_its_title() -> None:
    """One sees from an answer which model gave it."""
    pairs = dict(talk.talk_pairs(random.Random(1), "Tiny Test"))
    assert pairs["Who are you?"].startswith("I am Tiny Test, ")


def test_repeating_gives_the_words_back() -> None:
    """What is asked to be repeated is in the answer, word for word."""
    question, answer = talk.repeat_pair(random.Random(4))
    assert answer in question


def test_long_story_has_a_sentence_for_each_day() -> None:
    """A story of seven days counts to seven and ends."""
    story = stories.long_story("cat", 7)
    expected = [True] * 7 + [False]
    assert expected == [f"On day {day} " in story for day in range(1, 9)]
    assert story.endswith("The end.")
