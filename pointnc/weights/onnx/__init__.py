"""Networks of plain tensor operations as ONNX graphs, for runtimes without torch."""
