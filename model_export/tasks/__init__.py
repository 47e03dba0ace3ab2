"""The data sets of the paper, each as a task that trains and exports with one command."""

from model_export.tasks.pima import PIMA
from model_export.tasks.table_task import TableTask

TASKS: dict[str, TableTask] = {task.name: task for task in (PIMA,)}
"""Every built-in task by name."""

__all__ = ["TASKS", "TableTask"]
