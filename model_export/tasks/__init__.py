"""The data sets of the paper, each as a task that trains and exports with one command."""

from model_export.tasks.cifar10 import CIFAR10, CIFAR10_MLP
from model_export.tasks.image_task import ImageTask
from model_export.tasks.mnist import MNIST
from model_export.tasks.pima import PIMA
from model_export.tasks.sst5 import SST5, SST5_FINE_TUNED
from model_export.tasks.table_task import TableTask
from model_export.tasks.text_task import TextTask
from model_export.tasks.yelp import YELP

TASKS: dict[str, TableTask | TextTask | ImageTask] = {
    task.name: task for task in (PIMA, SST5, SST5_FINE_TUNED, YELP, CIFAR10, CIFAR10_MLP, MNIST)
}
"""Every built-in task by name."""

__all__ = ["TASKS", "ImageTask", "TableTask", "TextTask"]
