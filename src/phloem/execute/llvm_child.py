"""The process in which compiled IR runs; `llvm_run` starts it. Job on stdin, answers on stdout, both JSON."""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from typing import Any

import llvmlite.binding as llvm


def _limit(seconds: int, memory: int) -> None:
    """No more time or memory than given, no files written, no core dump."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(ir: str, name: str, calls: list[list[Any]]) -> list[list[Any]]:
    """For each call of numbers and a memory of numbers: the result, and the memory after it."""
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=llvm.get_host_cpu_name())
    module = llvm.parse_assembly(ir)
    module.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    answers = []
    for *numbers, cells in calls:
        memory = (ctypes.c_uint32 * len(cells))(*cells)
        kinds = [ctypes.c_uint32] * len(numbers)
        function = ctypes.CFUNCTYPE(ctypes.c_uint32, *kinds, ctypes.c_void_p)(engine.get_function_address(name))
        answers.append([function(*numbers, ctypes.addressof(memory)), list(memory)])
    return answers


def main() -> None:
    job = json.load(sys.stdin)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    _limit(job["seconds"], job["memory"])
    for each in job["functions"]:
        print(json.dumps(_run(*each)), flush=True)


if __name__ == "__main__":
    main()
