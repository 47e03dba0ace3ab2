"""Support tickets sorted into queues, from a file to an endpoint, through a sentence encoder.

    python -m model_export.examples.support_tickets models

The tickets are made up of phrases, and one in six speaks of two matters and stands in the queue of one of them.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from model_export.examples.endpoint import run, serve, told

MATTERS = {
    "billing": (
        "I was charged twice for my {thing}",
        "the invoice for the {thing} shows the wrong amount",
        "please refund the payment for my {thing}",
        "my card was declined when I paid for the {thing}",
        "the discount is missing from the bill for my {thing}",
    ),
    "delivery": (
        "my {thing} has not arrived yet",
        "the parcel with the {thing} was left at the wrong address",
        "the courier says that my {thing} is lost",
        "when will the {thing} be shipped",
        "the tracking number of my {thing} does not work",
    ),
    "fault": (
        "the {thing} does not turn on any more",
        "the {thing} makes a loud noise when I use it",
        "the screen of the {thing} is cracked",
        "my {thing} gets very hot and then stops",
        "the {thing} loses its connection every few minutes",
    ),
    "account": (
        "I cannot log in to see my {thing}",
        "how do I change the email address that my {thing} is registered to",
        "the password reset link for my {thing} does not come",
        "please delete my account and the {thing} with it",
        "someone else has registered my {thing} to their profile",
    ),
}
THINGS = ("laptop", "phone", "printer", "router", "camera", "watch", "speaker", "tablet", "keyboard", "headset")
OPENINGS = ("Hello, ", "Hi there, ", "Good morning, ", "", "", "Dear team, ")
ENDINGS = (".", ". Please help.", ". This is urgent.", ", what can I do?", ". Thank you.", ". I am disappointed.")


def make_tickets(rows: int, seed: int) -> pd.DataFrame:
    """Return made-up tickets and the queue that each was put into."""
    generator = np.random.default_rng(seed)
    queues = generator.choice(list(MATTERS), rows)
    texts = []
    for queue in queues:
        thing = generator.choice(THINGS)
        matters = [queue, generator.choice(list(MATTERS))] if generator.random() < 1 / 6 else [queue]
        said = " and ".join(generator.choice(MATTERS[matter]).format(thing=thing) for matter in matters)
        texts.append(generator.choice(OPENINGS) + said + generator.choice(ENDINGS))
    return pd.DataFrame({"message": texts, "queue": queues})


def main(repository: Path, rows: int = 800) -> None:
    """Write the tickets beside the repository, train on them, serve them and ask."""
    repository.mkdir(parents=True, exist_ok=True)
    file = repository / "tickets.csv"
    make_tickets(rows, seed=0).to_csv(file, index=False)
    run("train", "--data", str(file), "--target", "queue", "--name", "tickets", "--repository", str(repository))
    with serve(repository) as endpoint:
        for what, text in (
            ("as those it knows ", "Hello, my camera has not arrived yet. Please help."),
            ("of two matters    ", "The screen of the tablet is cracked and I was charged twice for my tablet."),
            ("in other words    ", "Hi, the parcel with my new camera still has not come."),
            ("of something else ", "The committee adjourned after the second reading of the amendment."),
        ):
            print(what, told(endpoint.predict("tickets", text)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
