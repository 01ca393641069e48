# SPDX-License-Identifier: MIT
"""Seconds of acquire + release that nobody else wants: lock.py CLASS call|with"""
import multiprocessing
import sys
import time

ROUNDS = 100000


def call(lock):
    for _ in range(ROUNDS):
        lock.acquire()
        lock.release()


def section(lock):
    for _ in range(ROUNDS):
        with lock:
            pass


def main():
    run = section if sys.argv[2] == "with" else call
    count = [1] if sys.argv[1].endswith("Semaphore") else []
    lock = getattr(multiprocessing, sys.argv[1])(*count)
    run(lock)
    start = time.monotonic()
    run(lock)
    print((time.monotonic() - start) / ROUNDS)


if __name__ == "__main__":
    main()
