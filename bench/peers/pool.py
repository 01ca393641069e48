# SPDX-License-Identifier: MIT
"""Seconds that a Pool of 2 workers takes: pool.py multiprocessing|billiard
async|apply|map N for one of N tasks; join for map, close and join;
killed, in a session of its own, until the result of a killed worker's task is
there"""
import importlib
import os
import signal
import sys
import time


def square(x):
    return x * x


def each_async(pool, n):
    results = [pool.apply_async(square, (i,)) for i in range(n)]
    for result in results:
        result.get()
    return n


def each_apply(pool, n):
    for i in range(n):
        pool.apply(square, (i,))
    return n


def whole_map(pool, n):
    pool.map(square, range(n))
    return n


def join(pool, n):
    pool.map(square, range(n))
    pool.close()
    pool.join()
    return 1


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(pool, _):
    result = pool.apply_async(die, (0,))
    try:
        result.get()
    except Exception:  # WorkerLostError, of billiard alone
        pass
    return 1


RUNS = {"async": each_async, "apply": each_apply, "map": whole_map,
        "join": join, "killed": killed}


def main():
    run, n = RUNS[sys.argv[2]], int(sys.argv[3])
    pool = importlib.import_module(sys.argv[1]).Pool(2)
    pool.map(square, range(1000))
    start = time.monotonic()
    done = run(pool, n)
    taken = time.monotonic() - start
    print(taken / done, flush=True)
    if run is killed:
        os.killpg(0, signal.SIGKILL)
    pool.terminate()


if __name__ == "__main__":
    main()
