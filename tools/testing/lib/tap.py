#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run test programs one by one, pass on their TAP, count the results.

Counted are the innermost results: of KUnit's nested TAP the cases, not the suites.
A crash, a timeout, a plan that does not add up, an exit status that no "not ok" explains, and a splat in the kernel's
log since the previous test each count as one failure more.
"""

import argparse
import fnmatch
import glob
import json
import os
import re
import selectors
import shlex
import signal
import subprocess
import sys
import time

SKIP_STATUSES = (4, 77)  # kselftest's and automake's
HERE = os.path.dirname(os.path.abspath(__file__))
RESULT = re.compile(r"^(\s*)(not ok|ok)\b(?:\s+(\d+))?[ \t]*(?:-[ \t]*)?(.*)$")
PLAN = re.compile(r"^(\s*)1\.\.(\d+)\s*(?:#\s*(SKIP\b.*))?$", re.I)
DIRECTIVE = re.compile(r"#\s*(SKIP|TODO)\b[: ]*(.*)$", re.I)
EXPECTED = re.compile(r"^# splat-expected: *(.+)$")


class Tap:
    """What one program's output says."""

    def __init__(self):
        self.passed = []
        self.failed = []
        self.skipped = []
        self.top = 0  # results without indentation
        self.plan = None
        self.children = {}  # indentation -> [count, failures] not claimed by a parent yet

    def feed(self, line):
        plan = PLAN.match(line)
        if plan:
            if not plan.group(1):
                self.plan = (self.plan or 0) + int(plan.group(2))
                if int(plan.group(2)) == 0:
                    self.skipped.append((plan.group(3) or "nothing to run").strip())
            return
        result = RESULT.match(line)
        if result:
            self.result(len(result.group(1).expandtabs()), result.group(2) == "ok", result.group(4))

    def result(self, indent, good, text):
        directive = DIRECTIVE.search(text)
        name = text.split("#")[0].strip() or "(no name)"
        deeper = [depth for depth in self.children if depth > indent]
        inner = [self.children.pop(depth) for depth in deeper]
        if indent == 0:
            self.top += 1
        if inner:
            # A summary of results that are counted already, unless it fails for a reason of its own.
            if not good and not directive and not sum(failures for _, failures in inner):
                self.failed.append(name)
        elif directive:
            self.skipped.append(f"{name}: {directive.group(2)}".rstrip(": "))
        elif good:
            self.passed.append(name)
        else:
            self.failed.append(name)
        count = self.children.setdefault(indent, [0, 0])
        count[0] += 1
        count[1] += not good and not directive

    def results(self):
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def finish(self, status):
        """Judge the program as a whole; status is an exit status, negative for a signal."""
        if status in SKIP_STATUSES and not self.results():
            self.skipped.append("the whole test")
            return
        if status < 0:
            self.failed.append(f"killed by {signal_name(-status)}")
            return
        if self.plan is not None and self.plan != self.top:
            self.failed.append(f"planned {self.plan} results, gave {self.top}")
        elif not self.results():
            self.failed.append(f"no results (exit status {status})")
        if status not in (0, *SKIP_STATUSES) and not self.failed:
            self.failed.append(f"exit status {status}")


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Kmsg:
    """The kernel's log from one test to the next, searched for splats."""

    def __init__(self, rules, expected_file):
        self.patterns = patterns(os.path.join(rules, "splat-patterns.txt"))
        self.allowed = patterns(os.path.join(rules, "splat-allow.txt"))
        self.expected_file = expected_file
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError:
            self.fd = -1

    def allowances(self):
        allowed = list(self.allowed)
        try:
            with open(self.expected_file, encoding="utf-8") as lines:
                matches = (EXPECTED.match(line.rstrip()) for line in lines)
                allowed += [re.compile(match.group(1)) for match in matches if match]
        except OSError:
            pass
        return allowed

    def lines(self):
        while self.fd >= 0:
            try:
                record = os.read(self.fd, 8192)
            except BrokenPipeError:  # overwritten before it was read
                continue
            except OSError:
                return
            text = record.decode(errors="replace").split("\n")[0]
            yield text.partition(";")[2]

    def splats(self):
        allowed = self.allowances()
        return [
            line
            for line in self.lines()
            if any(p.search(line) for p in self.patterns) and not any(p.search(line) for p in allowed)
        ]


def patterns(path):
    with open(path, encoding="utf-8") as lines:
        texts = [line.rstrip("\n") for line in lines]
    return [re.compile(text) for text in texts if text.strip() and not text.lstrip().startswith("#")]


def stop(process):
    """End the test and whatever it started; give up on what the kernel holds on to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue


def emit(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def show(session):
    """What the processes of a test that does not end wait for."""
    for entry in sorted(glob.glob("/proc/[0-9]*"), key=lambda path: int(os.path.basename(path))):
        try:
            state, _, _, number = read(f"{entry}/stat").rpartition(")")[2].split()[:4]
            if int(number) != session:
                continue
            command = read(f"{entry}/cmdline").replace("\0", " ").strip()
            emit(f"# {os.path.basename(entry)} {state} {read(f'{entry}/wchan')} {command[:200]}")
            for stack in sorted(glob.glob(f"{entry}/task/*/stack")):
                for line in read(stack).splitlines()[:12]:
                    emit(f"#   {line}")
        except OSError:
            continue  # it has ended, or its stack is not for us


def run(argv, timeout, tap):
    """Run one program; return its exit status, or None if its time was up."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    end = time.monotonic() + timeout
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < end:
            ready = selector.select(0.2)
            if ready:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    pass_on(line, tap)
            elif process.poll() is not None:
                break  # a child of the test keeps the pipe open
    if pending:
        pass_on(pending, tap)
    try:
        status = process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        status = None
        show(process.pid)
    stop(process)
    return status


def pass_on(raw, tap):
    line = raw.decode(errors="replace").rstrip("\r")
    emit(line)
    tap.feed(line)


class Report:
    """The totals of a tier, written after each test: a panic loses one test, not all of them."""

    def __init__(self, tier, results, summary):
        self.tier = tier
        self.results = results
        self.summary = summary
        self.tests = []
        self.before = ""
        if results and os.path.exists(results):
            with open(results, encoding="utf-8") as file:
                self.before = file.read()

    def add(self, name, tap, seconds):
        self.tests.append(
            {"name": name, "seconds": round(seconds, 2), "passed": tap.passed, "failed": tap.failed, "skipped": tap.skipped}
        )
        self.write()

    def count(self, kind):
        return sum(len(test[kind]) for test in self.tests)

    def names(self, kind):
        return [f"{test['name']}: {name}" for test in self.tests for name in test[kind]]

    def write(self):
        if self.results:
            with open(self.results, "w", encoding="utf-8") as file:
                file.write(self.before)
                file.write(f"{self.tier} {self.count('passed')} {self.count('failed')} {self.count('skipped')}\n")
                for kind in ("failed", "skipped"):
                    for name in self.names(kind):
                        file.write(f"# {kind} {self.tier}: {name}\n")
        if self.summary:
            with open(self.summary, "w", encoding="utf-8") as file:
                json.dump({"tier": self.tier, "tests": self.tests}, file, indent=1)

    def close(self):
        for kind in ("failed", "skipped"):
            for name in self.names(kind):
                emit(f"{kind}: {name}")
        emit(f"{self.count('passed')} passed, {self.count('failed')} failed, {self.count('skipped')} skipped")


def run_test(command, options, kmsg, report):
    argv = shlex.split(command)
    name = os.path.basename(argv[0]) + "".join(" " + argument for argument in argv[1:])
    tap = Tap()
    start = time.monotonic()
    emit(f"# === {name}")
    try:
        status = run(argv, options.timeout, tap)
    except OSError as error:
        tap.failed.append(f"cannot run: {error.strerror}")
    else:
        if status is None:
            tap.failed.append(f"timeout after {options.timeout:g} s")
        else:
            tap.finish(status)
    splats = kmsg.splats() if kmsg else []
    if splats:
        tap.failed.append(f"kernel: {splats[0]}")
        for line in splats[:20]:
            emit(f"# kernel: {line}")
    seconds = time.monotonic() - start
    emit(f"# --- {name}: {len(tap.passed)} passed, {len(tap.failed)} failed, {len(tap.skipped)} skipped, {seconds:.1f} s")
    report.add(name, tap, seconds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", default="tests", help="name of the line in the results file")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for each test (default: 120)")
    parser.add_argument("--results", default=os.environ.get("VFIO_RESULTS"), help="file to add the totals to")
    parser.add_argument("--summary", help="JSON file with the results of each test")
    parser.add_argument("--list", help="file with one command a line")
    parser.add_argument("--only", help="run only commands whose program's name matches this shell pattern")
    parser.add_argument("--kmsg", action="store_true", help="a splat in the kernel's log fails the test before it")
    parser.add_argument("--no-total", action="store_true", help="leave the closing lines to results.sh finish")
    parser.add_argument("command", nargs="*", help="a test program; one with arguments in quotes")
    return parser.parse_args()


def main():
    options = arguments()
    commands = list(options.command)
    if options.list:
        with open(options.list, encoding="utf-8") as lines:
            commands += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if options.only:
        commands = [c for c in commands if fnmatch.fnmatch(os.path.basename(shlex.split(c)[0]), options.only)]
    if not commands:
        sys.exit("tap.py: no tests to run")
    job = os.environ.get("VFIO_JOB", "/run/job")
    rules = os.path.join(HERE, "..", "vm")
    kmsg = Kmsg(rules, os.path.join(job, "expected-splats")) if options.kmsg else None
    report = Report(options.tier, options.results, options.summary)
    for command in commands:
        run_test(command, options, kmsg, report)
    if not options.no_total:
        report.close()
    sys.exit(1 if report.count("failed") else 0)


if __name__ == "__main__":
    main()
