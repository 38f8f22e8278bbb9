"""NumPy's side of `quern-worker bench --numpy`: float32 products and momentum-SGD steps.

Answers each line of standard input with the seconds of the fastest repetition:
`product M K N SECONDS` (C = A·B) and `step BATCH SIZE... SECONDS` (a dense ReLU network, softmax–cross-entropy).
The number of threads is OpenBLAS's: OPENBLAS_NUM_THREADS=1 for one.
"""
import sys
import time

import numpy as np

F32 = np.float32


def fastest(task, seconds):
    best, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - begin)
    return best


def product(m, k, n):
    rng = np.random.default_rng(0)
    a, b, c = rng.random((m, k), F32), rng.random((k, n), F32), np.empty((m, n), F32)
    return lambda: np.matmul(a, b, out=c)


class Step:
    """One step of the network that the integer step trains: same sizes, batch, momentum 7/8 and bias."""

    def __init__(self, batch, *sizes):
        rng = np.random.default_rng(0)
        self.x, self.y = rng.random((8192, sizes[0]), F32), rng.integers(0, sizes[-1], 8192)
        self.blocks, self.rng, self.batch = len(self.x) // 16, rng, batch
        self.w = [(rng.random(s, F32) - F32(0.5)) * F32(0.1) for s in zip(sizes, sizes[1:])]
        self.b = [np.zeros(n, F32) for n in sizes[1:]]
        self.v, self.vb = [np.zeros_like(w) for w in self.w], [np.zeros_like(b) for b in self.b]
        self.scratch = [np.empty_like(w) for w in self.w]

    def __call__(self):
        rows = (self.rng.integers(0, self.blocks, self.batch // 16)[:, None] * 16 + np.arange(16)).ravel()
        inputs, y = [self.x[rows]], self.y[rows]
        for w, b in zip(self.w[:-1], self.b[:-1]):
            z = inputs[-1] @ w
            z += b
            np.maximum(z, 0, out=z)
            inputs.append(z)
        z = inputs[-1] @ self.w[-1] + self.b[-1]
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        z[np.arange(self.batch), y] -= 1
        error, rate = z, F32(0.1 / self.batch)
        for layer in range(len(self.w) - 1, -1, -1):
            gradient, bias_gradient = self.scratch[layer], error.sum(axis=0)
            np.matmul(inputs[layer].T, error, out=gradient)
            if layer:
                error = error @ self.w[layer].T
                error *= inputs[layer] > 0
            gradient *= rate
            self.v[layer] *= F32(0.875)
            self.v[layer] += gradient
            self.w[layer] -= self.v[layer]
            self.vb[layer] *= F32(0.875)
            self.vb[layer] += rate * bias_gradient
            self.b[layer] -= self.vb[layer]


def main():
    known = {}
    for line in sys.stdin:
        kind, *numbers, seconds = line.split()
        key = (kind, *map(int, numbers))
        if key not in known:
            known[key] = {"product": product, "step": Step}[kind](*key[1:])
            known[key]()
        print(fastest(known[key], float(seconds)), flush=True)


if __name__ == "__main__":
    main()
