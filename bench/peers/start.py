# SPDX-License-Identifier: MIT
"""Median seconds of one start + join: start.py multiprocessing [METHOD]"""
import importlib
import statistics
import sys
import time


def nothing():
    pass


def main():
    method = sys.argv[2] if len(sys.argv) > 2 else "fork"
    context = importlib.import_module(sys.argv[1]).get_context(method)
    times = []
    for _ in range(100 if method == "fork" else 20):
        start = time.monotonic()
        process = context.Process(target=nothing)
        process.start()
        process.join()
        times.append(time.monotonic() - start)
    print(statistics.median(times))


if __name__ == "__main__":
    main()
