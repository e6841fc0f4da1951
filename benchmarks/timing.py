"What the benchmarks measure with"
import statistics
import time


def medians(repeats, **ways):
    "Median seconds of every way, measured in turns after one round to warm up"
    times = {n: [] for n in ways}
    for i in range(repeats+1):
        for n,f in ways.items():
            t0 = time.perf_counter()
            f()
            if i: times[n].append(time.perf_counter()-t0)
    return {n: statistics.median(t) for n,t in times.items()}
