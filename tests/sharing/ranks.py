"""What each rank of torchrun does in the tests: several commands, one after the other, since starting costs most."""

from __future__ import annotations

import importlib
import json
import sys

from pointnc.runtime import distributed

if __name__ == "__main__":
    stop = distributed.stop
    distributed.stop = lambda: None  # torch cannot join the same processes twice
    codes = []
    for line in json.loads(sys.argv[1]):
        sys.argv = [f"{line[0]}.py", *line[1:]]
        try:
            importlib.import_module(line[0]).main()
        except SystemExit as end:
            codes.append(end.code or 0)
    print(f"codes {codes}", flush=True)
    stop()  # threads that still run when a process ends abort it
