#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# Say one thing to a QEMU's monitor and print its answer as a line of JSON.
#
# usage: qmp.py SOCKET COMMAND [JSON-ARGUMENTS]

import json
import socket
import sys


def answer(stream):
    """The next reply; events in between are not for us."""
    for line in stream:
        message = json.loads(line)
        if "return" in message or "error" in message:
            return message
    raise EOFError("the monitor hung up")


def main():
    path, command = sys.argv[1:3]
    request = {"execute": command}
    if len(sys.argv) > 3:
        request["arguments"] = json.loads(sys.argv[3])
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(path)
        stream = sock.makefile("rw")
        json.loads(stream.readline())
        for message in ({"execute": "qmp_capabilities"}, request):
            stream.write(json.dumps(message) + "\n")
            stream.flush()
            reply = answer(stream)
    print(json.dumps(reply.get("return", reply)))
    return 1 if "error" in reply else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, EOFError) as problem:
        print(f"qmp: {problem}", file=sys.stderr)
        sys.exit(1)
