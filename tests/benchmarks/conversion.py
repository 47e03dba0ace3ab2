"""What conversion costs in accuracy: an ordinary residual network with ReLU, batch normalisation and max pooling.

CIFAR-10 from the folder that CHAINZRULE_DATA names, seed 0: trained for 8 epochs on the first 20,000 training images,
converted with 1,000 of them, fine-tuned for 3 epochs on the same images with DREG; tested on all test images, which
nothing was chosen by. Beside it the same network with its ReLUs kept and trained on in the same way: what the three
epochs bring without cubics. One thread.

    python -m tests.benchmarks.conversion
"""

from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from model_export.conversion import ConversionReport, convert, fine_tune
from model_export.examples.existing_network import Block
from model_export.export import Labelled
from model_export.tasks.cifar10 import load_cifar10
from model_export.training.augmentation import Augmentation
from model_export.training.schedule import Schedule
from model_export.training.standardiser import PixelStandardiser

IMAGES, SAMPLE, EPOCHS, TUNING_EPOCHS, BATCH = 20_000, 1_000, 8, 3, 128
RATE, TUNING_RATE = 5e-3, 2e-3
DREG = Schedule(1e-6)
AUGMENTATION = Augmentation(shift=2, flip=True)


def make_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        Block(16, 16, stride=1),
        Block(16, 32, stride=2),
        Block(32, 64, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(64, 10),
    )


def train(module: nn.Module, standardiser: PixelStandardiser, training: Labelled) -> None:
    """Train with AdamW, the rate rising and falling once."""
    pixels, codes = torch.from_numpy(training.rows), torch.from_numpy(training.codes)
    steps = len(codes) // BATCH
    optimiser = torch.optim.AdamW(module.parameters(), lr=RATE)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * steps)
    generator = torch.Generator().manual_seed(0)
    module.train()
    for _ in range(EPOCHS):
        order: Tensor = torch.randperm(len(codes), generator=generator)
        for batch in torch.split(order, BATCH)[:steps]:
            loss = cross_entropy(module(standardiser(AUGMENTATION(pixels[batch], generator))), codes[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rates.step()
    module.eval()


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = load_cifar10()
    training = Labelled(images.training.pixels[:IMAGES], images.training.labels[:IMAGES])
    test = Labelled(images.test.pixels, images.test.labels)
    standardiser = PixelStandardiser.fit(training.rows).float()
    network = make_network()
    started = perf_counter()
    train(network, standardiser, training)
    print(f"trained in {perf_counter() - started:.0f} s")
    sample = standardiser(torch.from_numpy(training.rows[:SAMPLE]))
    for kept in (False, True):
        started = perf_counter()
        conversion = convert(network, sample, keep_activations=kept)
        converted = perf_counter()
        tuned = fine_tune(
            conversion.network,
            standardiser,
            training,
            epochs=TUNING_EPOCHS,
            learning_rate=TUNING_RATE,
            dreg=DREG,
            augmentation=AUGMENTATION,
            batch_size=BATCH,
        )
        print(f"\n{'ReLU kept' if kept else 'cubics'}: converted in {converted - started:.1f} s, ", end="")
        print(f"fine-tuned in {perf_counter() - converted:.0f} s, epoch {tuned.best} of {tuned.epochs} kept")
        if not kept:
            print(conversion)
        print(ConversionReport.measure(network, conversion.network, tuned.network, standardiser, test), flush=True)


if __name__ == "__main__":
    main()
