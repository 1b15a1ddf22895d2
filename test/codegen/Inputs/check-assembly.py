#!/usr/bin/env python3
"""Compiles models to cubins and reads what the assembler says of each kernel.

    check-assembly.py --target cuda:sm_90a [--dtype bf16]... [--tuning cluster=1] MODEL...

Fails when a kernel spills registers or keeps anything in local memory, or when the assembler serialises wgmma, and
prints the registers of the largest kernel of each model.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

FUNCTION = re.compile(r"Function properties for (\S+)")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
COMPLAINT = re.compile(r"warning|Potential Performance Loss|serialized", re.IGNORECASE)


def faults_of(log):
    """What is wrong with the kernels of a log, their number, and the most registers of one."""
    faults, functions, most, function = [], 0, 0, "?"
    for line in log.splitlines():
        if match := FUNCTION.search(line):
            function, functions = match[1], functions + 1
        elif (match := MEMORY.search(line)) and any(int(count) for count in match.groups()):
            faults.append(f"{function}: {line.strip()}")
        elif match := REGISTERS.search(line):
            most = max(most, int(match[1]))
        if COMPLAINT.search(line):
            faults.append(f"{function}: {line.strip()}")
    return faults, functions, most


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", required=True)
    parser.add_argument("--dtype", action="append")
    parser.add_argument("--tuning", help="options of llama-select-schedules")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    failed = False
    for model in options.models:
        for dtype in options.dtype or ["bf16"]:
            name = f"{os.path.basename(model.removesuffix('/config.json'))} {dtype} {options.target}"
            with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
                command = ["quipu-compile", model, "--dtype", dtype, "--target", options.target, "--emit", "cubin"]
                if options.tuning:
                    command.append(f"--llama-select-schedules={options.tuning}")
                run = subprocess.run(command + ["-v", "-o", cubin.name], capture_output=True, text=True)
                faults, functions, most = faults_of(run.stderr)
                if run.returncode != 0:
                    faults = [run.stderr]
                elif functions == 0 or os.path.getsize(cubin.name) == 0:
                    faults.append("the assembler said nothing of any kernel")
            print(f"{name}: {functions} kernels, at most {most} registers, {len(faults)} faults")
            for fault in faults:
                print(f"  {fault}")
            failed |= bool(faults)
    sys.exit(failed)


main()
