"""The data sets of the paper, each as a task that trains and exports with one command."""

from model_export.tasks.pima import PIMA
from model_export.tasks.sst5 import SST5, SST5_FINE_TUNED
from model_export.tasks.table_task import TableTask
from model_export.tasks.text_task import TextTask
from model_export.tasks.yelp import YELP

TASKS: dict[str, TableTask | TextTask] = {task.name: task for task in (PIMA, SST5, SST5_FINE_TUNED, YELP)}
"""Every built-in task by name."""

__all__ = ["TASKS", "TableTask", "TextTask"]
