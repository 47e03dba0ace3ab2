"""A traced network as a chain of steps, with additions where ways part and meet again."""

from torch import fx

from model_export.conversion.recognition import input_of, is_addition, recognise
from model_export.conversion.steps import Addition, Step
from model_export.conversion.tracing import path_of, shape_of
from model_export.errors import ConversionError


def steps_of(traced: fx.GraphModule) -> tuple[Step, ...]:
    """Return what a network does to its one input, step by step.

    Raises:
        ConversionError: naming an operation that cannot be converted, or ways that part and do not meet again one
            inside another.
    """
    nodes = list(traced.graph.nodes)
    inputs = [node for node in nodes if node.op == "placeholder"]
    (output,) = (node for node in nodes if node.op == "output")
    (end,) = output.args
    if len(inputs) != 1 or not isinstance(end, fx.Node):
        raise ConversionError(
            f"the network takes {len(inputs)} inputs and returns {type(end).__name__}: one tensor in and one tensor "
            "out can be converted"
        )
    return _Chains(traced.graph, inputs[0]).between(inputs[0], end)


class _Chains:
    """Walks a graph from its end to its input.

    Args:
        graph: whose nodes know their shapes.
        origin: its input.
    """

    def __init__(self, graph: fx.Graph, origin: fx.Node) -> None:
        self._origin = origin
        self._taken: set[fx.Node] = set()
        self._gates: dict[fx.Node, frozenset[fx.Node]] = {}
        """What every way from the input to a node goes through, itself included: its dominators."""
        for node in graph.nodes:
            ways = [self._gates[taken] for taken in node.all_input_nodes if "shape" in taken.meta]
            self._gates[node] = (frozenset.intersection(*ways) if ways else frozenset()) | {node}

    def between(self, start: fx.Node, end: fx.Node) -> tuple[Step, ...]:
        """Return the steps from `start`'s value to `end`'s."""
        steps: list[Step] = []
        node = end
        while node is not start:
            if node in self._taken or node is self._origin:
                raise ConversionError(
                    f"{path_of(node)} is used by ways that part and do not meet again one inside another: only nested "
                    "residual blocks can be converted"
                )
            self._taken.add(node)
            if is_addition(node):
                step, node = self._addition(node)
                steps.append(step)
                continue
            found = recognise(node)
            if found is not None:
                steps.append(found)
            node = input_of(node)
        return tuple(reversed(steps))

    def _addition(self, node: fx.Node) -> tuple[Addition, fx.Node]:
        """Return both ways to an addition, and where they part."""
        left, right = (node.args[0], node.args[1] if len(node.args) > 1 else node.kwargs.get("other"))
        if not (isinstance(left, fx.Node) and isinstance(right, fx.Node)) or node.kwargs.get("alpha", 1) != 1:
            raise ConversionError(
                f"{path_of(node)} adds a constant: put it into the bias of the layer before, or leave it out"
            )
        if shape_of(left) != shape_of(right):
            raise ConversionError(
                f"{path_of(node)} adds rows of shapes {list(shape_of(left))} and {list(shape_of(right))}: both must be "
                "of one shape"
            )
        fork = self._parting(left, right)
        ways = sorted((self.between(fork, left), self.between(fork, right)), key=len, reverse=True)
        return Addition(*ways), fork

    def _parting(self, left: fx.Node, right: fx.Node) -> fx.Node:
        """Return the last value that every way to either goes through."""
        common = self._gates[left] & self._gates[right]
        return max(common, key=lambda node: len(self._gates[node]))
