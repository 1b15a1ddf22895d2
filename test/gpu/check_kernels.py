#!/usr/bin/env python3
"""Runs every kernel of a plan by itself on random arguments, against a reference in PyTorch, and times it.

    check_kernels.py PLAN.qplan [--kernels REGEX] [--variant ISA] [--rows 1,8,64] [--check-only | --time-only]

Outputs are poisoned before each run, every run is repeated and compared bit by bit (with dependent launch the second
time, where the GPU has it), and memory behind every buffer is watched. One line for each kernel and number of rows:
errors over what the format allows (1 is the limit), microseconds, rates. A kernel that hangs or faults ends its process
and the rest goes on in another. Ends with a table of the kernels and the failures; exit status 1 when there are any.

`quipu` (on the PATH, or --quipu) reads the plan. CPU plans run on the CPU: that checks the references.
"""

import argparse
import collections
import importlib
import json
import math
import os
import random
import re
import select
import statistics
import subprocess
import sys
import time
import traceback
import zlib

ROWS = (1, 2, 7, 8, 9, 16, 33, 64, 65, 100, 128, 300, 512, 1000, 2048)
ROTATE_BYTES = 200e6  # timed launches walk over more memory than caches hold
FIELDS = "kernel rows outputs mode rms largest us bytes operations registers local"
Line = collections.namedtuple("Line", FIELDS)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("--quipu", default="quipu")
    parser.add_argument("--kernels", default="", help="regular expression on kernel names")
    parser.add_argument("--variant", help="only this variant (sm_90a, sm_80)")
    parser.add_argument("--ptx", action="store_true", help="let the driver assemble the PTX, though there is a cubin")
    parser.add_argument("--rows", help="numbers of rows (default: several within each program's bounds)")
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--time-only", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=120, help="seconds that one kernel may take")
    parser.add_argument("--log", help="file for the line of every case (default: standard output)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def row_counts(options, launch):
    wanted = [int(rows) for rows in options.rows.split(",")] if options.rows else [*ROWS, launch.min_rows,
                                                                                   launch.max_rows]
    return sorted({rows for rows in wanted if launch.min_rows <= rows <= launch.max_rows})


def cases_of(launch, tokens):
    """(outputs, mode, padding) to try at one number of rows."""
    limit = launch.plan.kv["max_seq"]
    whole = ["start", "later"] if tokens <= limit else []
    each = ["each"] if tokens <= 64 or launch.is_decode else []
    if launch.kind == "attention":
        modes = each + whole + ["mixed", "lone"]
        modes += [f"at{depth}" for depth in (512, 8192, 32768) if depth <= limit and tokens in (1, 64)]
        return [(1, mode, mode in ("mixed", "each", "lone") and tokens != 1) for mode in modes]
    if launch.kind in ("qkv", "kv_append"):
        return [(1, mode, mode == "mixed") for mode in each + whole[:1] + ["mixed"]]
    if launch.kind == "lm_head":
        return [(outputs, "mixed", False) for outputs in sorted({1, min(tokens, 300)})]
    if launch.kind == "log_prob":
        return [(outputs, "mixed", False) for outputs in sorted({1, tokens})]
    return [(1, "mixed", False)]


class Runner:
    """The kernels of one variant on one machine."""

    def __init__(self, options, plan, variant):
        # Only workers need PyTorch, and only those of CUDA plans a driver.
        import torch
        import kernel_cases
        import service_cases
        self.torch, self.cases, self.services, self.options, self.plan = (
            torch, kernel_cases, service_cases, options, plan)
        self.gpu = plan.json["target"]["device"] == "cuda"
        self.device = "cuda" if self.gpu else "cpu"
        self.driver = importlib.import_module("cuda_driver" if self.gpu else "host_driver")
        self.weights, self.weight_generator = {}, torch.Generator(device=self.device)
        self.dependent = False
        self.stream = 0
        modules = list(plan.modules(variant))
        form = "elf"
        if self.gpu:
            major, minor = torch.cuda.get_device_capability()
            fits = any(form == "cubin" and re.match(r"sm_(\d+)", isa).group(1) == f"{major}{minor}"
                       for form, isa, _ in modules)
            form = "cubin" if fits and not options.ptx else "ptx"
            self.dependent = major >= 9
            self.torch_stream = torch.cuda.Stream()
            torch.cuda.set_stream(self.torch_stream)
            self.stream = self.torch_stream.cuda_stream
            torch.backends.cuda.matmul.allow_tf32 = False
        print(f"@note variant {plan.variants[variant]}: {form}", flush=True)
        self.code = self.driver.Code(code for module_form, _, code in modules if module_form == form)
        self.entries = {}

    def entries_of(self, launch):
        if launch.name not in self.entries:
            self.entries[launch.name] = [self.driver.Entry(self.code, entry) for entry in launch.kernel["entries"]]
        return self.entries[launch.name]

    def prepared(self, launch, case, pointers=None):
        return [(entry, entry.prepare(pointers or case.pointers, case.dims())) for entry in self.entries_of(launch)]

    def run(self, steps, dependent):
        for entry, prepared in steps:
            entry.launch(prepared, self.stream, dependent)

    def synchronize(self):
        if self.gpu:
            self.torch.cuda.synchronize()

    def weights_of(self, launch):
        numbers = [arg["value"] for arg in launch.args if arg["kind"] == "weight"]
        # Weights of one kernel after another: those of the one before are dropped.
        for number in [number for number in self.weights if number not in numbers]:
            del self.weights[number]
        for number in numbers:
            if number not in self.weights:
                self.weight_generator.manual_seed(self.options.seed * 1000 + number)
                self.weights[number] = self.cases.Weight(self.plan.weights[number], self.device, self.weight_generator)
        return self.weights

    def case(self, launch, tokens, outputs, mode, padding):
        # The same case gives the same numbers whichever others run.
        name = f"{self.options.seed} {launch.name} {tokens} {outputs} {mode}"
        source = random.Random(zlib.crc32(name.encode()))
        return self.cases.Case(launch, self.weights_of(launch), tokens, outputs, mode, self.device, source, padding)

    def check(self, launch, case):
        steps = self.prepared(launch, case)
        case.poison()
        self.synchronize()
        self.run(steps, False)
        self.synchronize()
        rms, largest = case.errors()
        if not case.is_guarded():
            raise AssertionError("wrote behind a buffer")
        first = case.answers()
        case.poison()
        self.synchronize()
        self.run(steps, self.dependent)
        if case.overwritten is None:  # else another run begins with other numbers
            self.run(steps, self.dependent)
        self.synchronize()
        if not all(self.torch.equal(a.view(self.torch.uint8), b.view(self.torch.uint8))
                   for a, b in zip(first, case.answers())):
            raise AssertionError("a second run gave other bits")
        return rms, largest

    def copies(self, launch, case):
        """Pointers of as many launches as it takes to walk over more memory than caches hold."""
        streams = [(slot, case.weights[number].stored) for slot, number in case.weight_slots
                   if launch.kernel["weight_bytes"]]
        if launch.kind == "attention":
            slot = case.pointers.index(case.cache[0].pointer)
            streams += [(slot, case.cache[0].values), (slot + 1, case.cache[1].values)]
        size = sum(tensor.nbytes for _, tensor in streams)
        count = min(16, max(1, math.ceil(ROTATE_BYTES / size))) if size else 1
        result, self.keep = [case.pointers], []
        for _ in range(count - 1):
            pointers = list(case.pointers)
            for slot, tensor in streams:
                self.keep.append(tensor.clone())
                pointers[slot] = self.keep[-1].data_ptr()
            result.append(pointers)
        return result

    def time(self, launch, case):
        """Median microseconds of a launch, from graphs of many."""
        if not self.gpu:
            return 0.0
        torch = self.torch
        steps = [self.prepared(launch, case, pointers) for pointers in self.copies(launch, case)]
        self.synchronize()

        def seconds(action):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record(self.torch_stream)
            action()
            end.record(self.torch_stream)
            end.synchronize()
            return begin.elapsed_time(end) / 1e3

        self.run(steps[0], self.dependent)
        estimate = seconds(lambda: [self.run(step, self.dependent) for step in steps]) / len(steps)
        rounds = max(1, min(100, math.ceil(2e-3 / estimate)) // len(steps))
        graph = self.driver.Graph(
            self.stream, lambda: [self.run(step, self.dependent) for _ in range(rounds) for step in steps])
        graph.replay()
        times = [seconds(graph.replay) for _ in range(7)]
        graph.close()
        self.keep = []
        return statistics.median(times) / rounds / len(steps) * 1e6

    def kernel(self, launch):
        """Runs all cases of a kernel; yields lines, raises on a fault."""
        entries = self.entries_of(launch)
        registers = max(entry.registers for entry in entries)
        local = max(entry.local_bytes for entry in entries)
        for tokens in row_counts(self.options, launch):
            for outputs, mode, padding in cases_of(launch, tokens):
                print(f"@case T={tokens} R={outputs} {mode}", flush=True)
                case = self.case(launch, tokens, outputs, mode, padding)
                rms = largest = us = 0.0
                failure = None
                if not self.options.time_only:
                    try:
                        rms, largest = self.check(launch, case)
                    except AssertionError as error:
                        rms, failure = math.inf, str(error)
                if not self.options.check_only:
                    us = self.time(launch, case)
                yield Line(launch.name, tokens, outputs, mode, rms, largest, us, case.bytes(), case.operations(),
                           registers, local), failure


    def service_kernels(self, name):
        source = random.Random(self.options.seed)
        for mode, check in self.services.cases(self.driver, self.code, self.stream, source):
            print(f"@case {mode}", flush=True)
            failure = None
            try:
                check()
            except AssertionError as error:
                failure = str(error)
            yield Line(name, 0, 0, mode, 0.0, 0.0, 0.0, 0, 0, 0, 0), failure


def selected(options, plan):
    for launch in plan.launches:
        if re.search(options.kernels, launch.name) and options.variant in (None, plan.variants[launch.variant]):
            yield launch


def obstacle(options, plan):
    """Why a kernel that was asked for has no arguments here; nothing where each has."""
    from plan_reader import DENSE_FORMATS
    for launch in selected(options, plan):
        for weight in (plan.weights[arg["value"]] for arg in launch.args if arg["kind"] == "weight"):
            if weight["dtype"] not in DENSE_FORMATS:
                return (f"{options.plan}: {launch.name} reads {weight['name']} in the format {weight['dtype']}; arguments "
                        f"are made in {', '.join(DENSE_FORMATS)} alone: compile without --quantize, or leave the kernel "
                        "out (--kernels)")
    return None


def services_name(plan, variant):
    return f"{plan.variants[variant]}.services"


def names_of(options, plan, variant):
    """The kernels to run of a variant, and its service kernels as one."""
    names = [launch.name for launch in selected(options, plan) if launch.variant == variant]
    services = services_name(plan, variant)
    if plan.json["target"]["device"] == "cuda" and not options.time_only and re.search(options.kernels, services) and \
            options.variant in (None, plan.variants[variant]):
        names.append(services)
    return names


def worker(options, plan):
    """Runs the kernels of one variant named in --worker, one after the other."""
    number, names = options.worker.split(":")
    variant = int(number)
    launches = {launch.name: launch for launch in plan.launches}
    runner = None
    for name in names.split(","):
        print(f"@begin {name}", flush=True)
        runner = runner or Runner(options, plan, variant)
        for line, failure in runner.kernel(launches[name]) if name in launches else runner.service_kernels(name):
            print("@line " + json.dumps([*line, failure]), flush=True)
        print(f"@end {name}", flush=True)


def text_of(line, failure):
    rates = ""
    if line.us:
        rates = f"{line.us:9.1f} us {line.bytes / line.us / 1e3:7.0f} GB/s {line.operations / line.us / 1e6:7.1f} TFLOP/s"
    outputs = f" R={line.outputs}" if "lm_head" in line.kernel else ""
    state = "ok" if passed(line, failure) else "FAILED " + (failure or "")
    return (f"{line.kernel:28} T={line.rows:<5}{line.mode + outputs:12} error {line.rms:6.3f} {line.largest:6.3f} "
            f"{rates} {state}")


def passed(line, failure):
    return failure is None and line.rms <= 1 and line.largest <= 1


class Report:
    def __init__(self, options):
        self.log = open(options.log, "w") if options.log else sys.stdout
        self.lines, self.failures, self.time_only = [], [], options.time_only

    def add(self, fields):
        *values, failure = fields
        line = Line(*values)
        self.lines.append(line)
        print(text_of(line, failure), file=self.log, flush=True)
        if not passed(line, failure):
            self.fail(text_of(line, failure))

    def fail(self, text):
        self.failures.append(text)
        if self.log is not sys.stdout:
            print(text, file=self.log, flush=True)

    def summary(self, plan):
        print(f"{os.path.basename(plan.path)}: {len(self.lines)} cases of "
              f"{len({line.kernel for line in self.lines})} kernels, {len(self.failures)} failures")
        by_kernel = collections.defaultdict(list)
        for line in self.lines:
            by_kernel[line.kernel].append(line)
        for name, lines in by_kernel.items():
            rms, largest = max(line.rms for line in lines), max(line.largest for line in lines)
            local = f", {lines[0].local} B of local memory" if lines[0].local else ""
            times = ""
            # The fewest and the most rows; of attention a plain context where it was timed.
            for rows in sorted({lines[0].rows, lines[-1].rows}):
                same = [line for line in lines if line.rows == rows and line.us]
                same.sort(key=lambda line: (not line.mode.startswith("at"), line.mode != "start",
                                            line.outputs if rows > 64 else -line.outputs))
                if same:
                    line = same[0]
                    rate = (f"{line.operations / line.us / 1e6:.0f} TFLOP/s" if rows > 64
                            else f"{line.bytes / line.us / 1e3:.0f} GB/s")
                    times += f" | T={rows}{' ' + line.mode if line.mode != 'mixed' else ''} {line.us:.1f} us {rate}"
            errors = "" if self.time_only else f"error {rms:6.3f} {largest:6.3f} | "
            print(f"  {name:28} {errors}{lines[0].registers} regs{local}{times}")
        for failure in self.failures[:40]:
            print("  FAILED " + failure)


def run_workers(options, plan, report, variant):
    """Workers take the kernels in order; one that hangs or dies is replaced for those behind the culprit."""
    names = names_of(options, plan, variant)
    while names:
        command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--worker",
                   f"{variant}:{','.join(names)}"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        current, case, remarks, deadline = names[0], "", [], time.time() + options.limit
        hung = False
        while True:
            ready, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.time()))
            if not ready:
                hung = True
                child.kill()
                break
            text = child.stdout.readline()
            if not text:
                break
            word, _, rest = text.rstrip("\n").partition(" ")
            if word == "@begin":
                current, deadline = rest, time.time() + options.limit
            elif word == "@case":
                case = rest
            elif word == "@line":
                report.add(json.loads(rest))
            elif word == "@end":
                names.remove(rest)
                current, case = (names or [""])[0], ""
            elif word == "@note":
                print(rest, file=report.log, flush=True)
            else:
                remarks.append(text.rstrip("\n"))
        status = child.wait()
        if not names:
            return
        reason = f"nothing for {options.limit:.0f} s: stopped" if hung else f"ended with status {status}"
        report.fail(f"{current} {case}: {reason}: " + " / ".join(remarks[-3:]))
        names.remove(current)


def main():
    options = arguments()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from plan_reader import Plan
    plan = Plan(options.plan, options.quipu)
    if options.worker:
        try:
            worker(options, plan)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(3)  # a context in error hangs in destructors
        os._exit(0)
    if problem := obstacle(options, plan):
        sys.exit(f"check_kernels.py: error: {problem}")
    report = Report(options)
    for variant in range(len(plan.variants)):
        run_workers(options, plan, report, variant)
    report.summary(plan)
    sys.exit(1 if report.failures or not report.lines else 0)


if __name__ == "__main__":
    main()
