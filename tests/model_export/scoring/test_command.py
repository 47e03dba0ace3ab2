import subprocess
import sys

PROGRAM = """
import sys
sys.argv = ["chainzrule", "score", "--help"]
from model_export.cli import main
try:
    main()
finally:
    print(sorted({"torch", "pandas", "sklearn", "skorch", "scipy", "onnx", "ray"} & set(sys.modules)))
"""


def test_it_needs_no_torch_and_loads_ray_only_where_asked_to() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "--engine" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"
