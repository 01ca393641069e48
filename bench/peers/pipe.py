# SPDX-License-Identifier: MIT
"""Seconds per message through multiprocessing.Pipe:
pipe.py pingpong|text|oneway N, or for one string: pipe.py bulk MIB"""
import multiprocessing
import sys
import time


def echo(conn, n):
    for _ in range(n):
        conn.send(conn.recv())


def stream(conn, n):
    for i in range(n):
        conn.send(i)


def bulk(conn, n):
    text = "x" * (n << 20)
    conn.send(0)
    conn.recv()
    conn.send(text)


def pingpong(conn, n):
    start = time.monotonic()
    for i in range(n):
        conn.send(i)
        conn.recv()
    return (time.monotonic() - start) / n


def text(conn, n):
    message = "x" * (64 << 10)
    start = time.monotonic()
    for _ in range(n):
        conn.send(message)
        conn.recv()
    return (time.monotonic() - start) / n


def oneway(conn, n):
    start = time.monotonic()
    for _ in range(n):
        conn.recv()
    return (time.monotonic() - start) / n


def one_string(conn, _):
    conn.recv()
    start = time.monotonic()
    conn.send(0)
    conn.recv()
    return time.monotonic() - start


PAIRS = {"pingpong": (echo, pingpong), "text": (echo, text),
         "oneway": (stream, oneway), "bulk": (bulk, one_string)}


def main():
    there, here = PAIRS[sys.argv[1]]
    n = int(sys.argv[2])
    a, b = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=there,
                                                          args=(b, n))
    process.start()
    print(here(a, n))
    process.join()


if __name__ == "__main__":
    main()
