#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# Have a guest read, and count exits by reason, interrupts, and instructions of the host and of the guest.
#
# Each job is done with N and with 3 N reads, and what is printed is the difference by 2 N, so that neither starting nor
# ending it counts; instructions are those between the marks that the guest sets.
#
# usage: guest_bench.py DIRECTORY-OF-THE-GUEST UUID...
# Reads VFIO_JOB: where insns.so leaves its files.

import os
import re
import socket
import sys

TRACE = "/sys/kernel/tracing/"
# Longer than anything takes.
TIMEOUT = 120
# Between bursts: twice the poll_us of guest.sh.
PAUSE_US = 40000
# From read to read, in blocks: none can be merged with the next.
STRIDE = 1031
# Whose histograms guest.sh has switched on, by reason and by vector.
EVENTS = ("kvm_exit", "kvm_inj_virq")

# Of AMD's and Intel's: what the manual calls them.
REASONS = {
    0x60: "INTR", 0x61: "NMI", 0x64: "VINTR", 0x72: "CPUID", 0x77: "PAUSE", 0x78: "HLT", 0x7B: "IOIO", 0x7C: "MSR",
    0x400: "NPF",
}
# Of these: timers of this machine, and what the guest does about its own.
CLOCK = (0x60, 0x64, 0x7C)


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Guest:
    """Its console; the guest answers each line that it is sent with one."""

    def __init__(self, directory):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(directory + "/serial")
        self.sock.settimeout(TIMEOUT)
        self.stream = self.sock.makefile("r", newline="\n", errors="replace")

    def do(self, line):
        self.sock.sendall((line + "\n").encode())
        for answer in self.stream:
            if "GUEST: ran" in answer:
                return
            if "GUEST: " in answer:
                raise RuntimeError(line + ": " + answer.strip())
        raise EOFError("the guest has gone")


class Job:
    """Reads of a kind."""

    def __init__(self, name, device, depth, poll, reads, think=0, burst=0, service="polled", stride=STRIDE):
        self.name, self.device, self.depth, self.mode = name, device, depth, "poll" if poll else "interrupt"
        self.reads, self.think, self.burst, self.service, self.stride = reads, think, burst, service, stride

    def run(self, guest, times):
        guest.do(f"{self.device} {self.depth} {self.reads * times} {self.mode} {self.think} {self.burst} {PAUSE_US} {self.stride}")


SLICES = (("slice", "sda"), ("slice, pmem", "sdb"))
VIRTIO = (("virtio-blk", "vda"), ("virtio-blk, pmem", "vdb"))
NVME = (("QEMU NVMe", "nvme0n1"), ("QEMU NVMe, pmem", "nvme0n2"))


def polled_jobs():
    """Both poll: with an engine that looks by itself, as long as there is something to do."""
    for name, device in SLICES:
        yield Job(f"{name}, QD32, both poll", device, 32, True, 6400)
        yield Job(f"{name}, QD32, both poll, bursts of 320", device, 32, True, 6400, burst=320)
        yield Job(f"{name}, QD32, both poll, in sequence", device, 32, True, 6400, stride=1)
        yield Job(f"{name}, QD1, both poll, guest thinks", device, 1, True, 2000, think=20000)
        yield Job(f"{name}, QD32, kick mode, guest polls", device, 32, True, 6400, service="kick")
        yield Job(f"{name}, QD32, kick mode, guest polls, bursts", device, 32, True, 6400, burst=320, service="kick")
    # virtio-blk has no polled queues in a guest with one CPU.
    for name, device in NVME:
        yield Job(f"{name}, QD32, guest polls", device, 32, True, 6400)
        yield Job(f"{name}, QD1, guest polls and thinks", device, 1, True, 2000, think=20000)


def jobs():
    yield from polled_jobs()
    for name, device in SLICES + VIRTIO + NVME:
        yield Job(f"{name}, QD32, interrupts", device, 32, False, 6400)
        yield Job(f"{name}, QD32, interrupts, bursts of 320", device, 32, False, 6400, burst=320)
        yield Job(f"{name}, QD32, interrupts, in sequence", device, 32, False, 6400, stride=1)
        yield Job(f"{name}, QD1, interrupts", device, 1, False, 2000)


def histogram(event):
    found = re.findall(r"\{ \w+: +(\S+) .*?hitcount: +(\d+)", read(f"{TRACE}events/kvm/{event}/hist"))
    return {int(key, 16): int(count) for key, count in found}


class Instructions:
    """What insns.so has counted between the marks of a run: a new file each, as this machine may know old ones."""

    def __init__(self):
        self.runs = 0

    def of_last(self):
        text = read(f"{os.environ['VFIO_JOB']}/insns.{self.runs}")
        self.runs += 1
        return [int(word) for word in text.split()]


def traced(job, guest, times):
    """Exits by reason, and interrupts, of one run."""
    before = [histogram(event) for event in EVENTS]
    job.run(guest, times)
    exits, irqs = ({key: count - old.get(key, 0) for key, count in histogram(event).items()}
                   for event, old in zip(EVENTS, before))
    return exits, sum(irqs.values())


def measure(job, guest, instructions):
    job.run(guest, 1)
    instructions.of_last()
    one = traced(job, guest, 1)
    instructions.of_last()
    three = traced(job, guest, 3)
    host, own, pauses = (count / (3 * job.reads) for count in instructions.of_last())

    def each(a, b):
        return (b - a) / (2 * job.reads)

    reasons = {key: each(one[0].get(key, 0), three[0].get(key, 0)) for key in {**one[0], **three[0]}}
    device = sum(count for key, count in reasons.items() if key not in CLOCK)
    words = [f"{REASONS.get(key, hex(key))} {count:.4f}" for key, count in sorted(reasons.items(), key=lambda x: -x[1])
             if count >= 0.00005]
    print(f"{job.name:<44} {host:7.0f} {pauses:7.0f} {own:7.0f} {device:7.4f} {each(one[1], three[1]):7.4f}  "
          f"{' '.join(words) or 'none'}", flush=True)


def main():
    directory, *uuids = sys.argv[1:]
    guest = Guest(directory)
    for name, device in SLICES + VIRTIO + NVME:
        guest.do("fill " + device)
    print(f"{'for each 4K read of a guest':<44} {'host':>7} {'PAUSE':>7} {'guest':>7} {'exits':>7} {'irqs':>7}  "
          "exits by reason; those of clocks count here only", flush=True)
    print(f"{'':<44} {'instructions':>23}", flush=True)
    instructions = Instructions()
    for job in jobs():
        for uuid in uuids:
            write(f"/sys/bus/mdev/devices/{uuid}/service", job.service)
        measure(job, guest, instructions)


if __name__ == "__main__":
    main()
