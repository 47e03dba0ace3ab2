"""Breaking an exported graph on purpose."""

import numpy as np
import onnx


def change_output(model: onnx.ModelProto, output: str, operator: str, constant: float) -> None:
    """Put `operator` with a constant between an output of the graph and what made it."""
    before, operand = f"{output} before", f"{output} {operator}"
    for node in model.graph.node:
        node.output[:] = [before if name == output else name for name in node.output]
        node.input[:] = [before if name == output else name for name in node.input]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(constant, dtype=np.float32), operand))
    model.graph.node.append(onnx.helper.make_node(operator, [before, operand], [output]))
