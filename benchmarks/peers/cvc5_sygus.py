"""Runs cvc5's SyGuS solver on a file of version 2 from standard input; started by `benchmarks/sygus.py`.

Its environment may be one of its own: python -m venv CVC5 && CVC5/bin/pip install cvc5==1.4.2

The first argument limits its processor seconds. Writes what check-synth answers, then one JSON object with the
processor seconds it took on the last line."""

from __future__ import annotations

import json
import resource
import sys
import time

import cvc5


def main() -> None:
    limit = int(float(sys.argv[1])) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    solver = cvc5.Solver()
    solver.setOption("sygus", "true")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SYGUS_2_1, sys.stdin.read(), "task")
    symbols = parser.getSymbolManager()
    began = time.process_time()
    while True:
        command = parser.nextCommand()
        if command.isNull():
            break
        print(command.invoke(solver, symbols) or "", end="")
    print(json.dumps({"seconds": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    main()
