# SPDX-License-Identifier: MIT
"""Median seconds of one start + join by fork: start.py multiprocessing"""
import importlib
import statistics
import sys
import time


def nothing():
    pass


def main():
    context = importlib.import_module(sys.argv[1]).get_context("fork")
    times = []
    for _ in range(100):
        start = time.monotonic()
        process = context.Process(target=nothing)
        process.start()
        process.join()
        times.append(time.monotonic() - start)
    print(statistics.median(times))


if __name__ == "__main__":
    main()
