# SPDX-License-Identifier: MIT
"""Seconds for one integer through multiprocessing.Queue: values.py P C"""
import multiprocessing
import sys
import time

VALUES = 100000


def produce(queue, n):
    for i in range(n):
        queue.put(i)


def consume(queue, n):
    for _ in range(n):
        queue.get()


def main():
    producers, consumers = int(sys.argv[1]), int(sys.argv[2])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    everybody = [
        context.Process(target=consume, args=(queue, VALUES // consumers))
        for _ in range(consumers)
    ] + [
        context.Process(target=produce, args=(queue, VALUES // producers))
        for _ in range(producers)
    ]
    start = time.monotonic()
    for process in everybody:
        process.start()
    for process in everybody:
        process.join()
    print((time.monotonic() - start) / VALUES)


if __name__ == "__main__":
    main()
