#!/usr/bin/python3
"""Times the benchmark's mlp_step in PyTorch, with dense weights under masks, on one thread.

    density.py [--seconds S]

Prints one line of JSON per density, with the keys of the benchmark's lines and the versions of what it used.
"""

import argparse
import ctypes
import glob
import json
import os
import subprocess
import sys
import time

UNITS, BATCH = [784, 1024, 1024, 10], 128
DENSITIES = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]

# OpenBLAS takes a processor newer than itself for an old one, unless it is told which kernels to use.
KERNELS = [None, "Haswell", "SkylakeX"]


def time_product():
    """Returns the best time in seconds of a hidden layer's product Y = W X by libblas.so.3, of matrices of ones."""
    m, n, k = sizes = UNITS[2], BATCH, UNITS[1]
    w, x, y = ((ctypes.c_float * size)(*[1] * size) for size in (m * k, k * n, m * n))
    m, n, k = (ctypes.byref(ctypes.c_int(size)) for size in sizes)
    one, zero = (ctypes.byref(ctypes.c_float(value)) for value in (1, 0))
    sgemm = ctypes.CDLL("libblas.so.3").sgemm_
    times = time_runs(lambda: sgemm(b"T", b"N", m, n, k, one, w, k, x, k, zero, y, m), 0.1)
    assert set(y) == {UNITS[1]}
    return min(times)


def choose_blas():
    """Runs this program again on one thread, with OpenBLAS and its fastest kernels."""
    chosen, least = dict(os.environ, DENSITY_BLAS="its BLAS"), float("inf")
    for library in glob.glob("/usr/lib/*/openblas-*/libblas.so.3"):  # Debian's alternatives for libblas.so.3
        folder = os.path.dirname(library)
        for kernels in KERNELS:
            tried = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
            tried.update(LD_LIBRARY_PATH=folder, OPENBLAS_NUM_THREADS="1", DENSITY_BLAS=os.path.basename(folder))
            if kernels:
                tried["OPENBLAS_CORETYPE"] = kernels
                tried["DENSITY_BLAS"] += ", kernels for " + kernels
            run = subprocess.run([sys.executable, __file__, "--product"], env=tried, capture_output=True)
            # kernels may crash or err on a processor that they are not for; a difference of 5 % may be noise
            if run.returncode == 0 and float(run.stdout) < 0.95 * least:
                chosen, least = tried, float(run.stdout)
    os.execve(sys.executable, [sys.executable, *sys.argv], dict(chosen, OMP_NUM_THREADS="1"))


def time_runs(run, seconds):
    """Returns the times of at least 5 runs, after 2 to warm up."""
    for _ in range(2):
        run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return times


def make_step(density):
    """Returns a function that trains the network by one step."""
    torch.manual_seed(1)
    layers = [torch.nn.Linear(n, m) for n, m in zip(UNITS, UNITS[1:])]
    masks = [(torch.rand_like(layer.weight) < density).float() for layer in layers[:-1]]
    adam = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=1e-3)
    x, label = torch.randn(BATCH, UNITS[0]), torch.randint(UNITS[-1], (BATCH,))
    linear = torch.nn.functional.linear

    def step():
        h = x
        for layer, mask in zip(layers, masks):
            weight = layer.weight * mask if density < 1 else layer.weight
            h = torch.relu(linear(h, weight, layer.bias))
        adam.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(layers[-1](h), label).backward()
        adam.step()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1, help="time per density (default 1)")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    with open("/proc/self/maps") as maps:
        blas = os.environ["DENSITY_BLAS"] if "/libblas.so.3" in maps.read() else "a BLAS of its own"
    version = "PyTorch %s with %s" % (torch.__version__, blas)
    for density in DENSITIES:
        times = sorted(time_runs(make_step(density), seconds))
        print(json.dumps({
            "scenario": "mlp_step",
            "case": "%s b=%d d=%g" % ("-".join(map(str, UNITS)), BATCH, density),
            "impl": "torch",
            "ms": round(1e3 * times[0], 6),
            "median_ms": round(1e3 * times[len(times) // 2], 6),
            "runs": len(times),
            "version": version,
        }), flush=True)


if sys.argv[1:] == ["--product"]:
    print(time_product())
elif "DENSITY_BLAS" not in os.environ:
    choose_blas()
else:
    try:
        import torch
    except ImportError:
        sys.exit("density.py: there is no PyTorch to time (Debian: python3-torch)")
    main()
