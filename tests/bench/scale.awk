# The table of `./dev scale`: the efficiency of 1 to 1024 ranks by a model of their network, whose two assumptions
# are here. What a rank computes is in the JSON lines of mlp_step, embedding_step and limit.

function field(key, value) {
    value = $0
    sub(".*\"" key "\": \"?", "", value)
    sub("[\",}].*", "", value)
    return value
}

# keep(NAME): keeps the best time of the line under that name
function keep(name, ms) {
    ms = field("ms") + 0
    if (!(name in best) || ms < best[name])
        best[name] = ms
}

/"case": "784-1024-1024-10 b=128 d=1"/ { keep("dense") }
/"case": "784-1024-1024-10 b=128 d=0.01"/ { keep("sparse") }
/"case": "1000000x64 b=256x32 adam"/ { keep("table") }
/"case": "stream"/ { memory = memory > field("gbs") ? memory : field("gbs") + 0 }

# Returns how many of the table's rows n ids name, as is expected where row k is drawn with a probability
# proportional to 1/k.
function distinct(n, k, sum) {
    for (k = 1; k <= ROWS; k++)
        sum += 1 - exp(-n / (k * harmonic))
    return sum
}

# Returns the milliseconds of `messages` that follow one another, with so many bytes altogether.
function sent(messages, bytes) {
    return messages * latency / 1e3 + bytes / bandwidth / 1e6
}

# Returns the milliseconds in which the memory of one core reads or writes so many bytes.
function moved(bytes) {
    return bytes / memory / 1e6
}

# A step has five agreements of some bytes, each to and fro in a tree.
function agreed(r) {
    return sent(5 * 2 * log(r) / log(2), 0)
}

# An array of n values: each rank gets and adds up its slice from all, and all get the sums.
function array(r, n) {
    return agreed(r) + sent(2 * (r - 1), 2 * 4 * n * (r - 1) / r) + moved(4 * n)
}

# Rows by their owners, and to all: each has a number and WIDTH values. Every rank then updates the rows of all,
# not just its own as in what was measured: weights, two moments, read and written, and a gradient.
function replicated(r, rows) {
    rows = (mine + all[r]) * (r - 1) / r
    return agreed(r) + sent(5 * (r - 1), rows * 4 * (1 + WIDTH)) + moved((all[r] - mine) * 7 * 4 * WIDTH)
}

# Rows stay with their owners: numbers go there, rows come back, gradients go there.
function sharded(r) {
    return 2 * agreed(r) + sent(6 * (r - 1), mine * (r - 1) / r * 4 * (1 + WIDTH + 1 + WIDTH))
}

# efficiency(NAME, R, MS): the time of a rank alone, by that with MS of exchange.
function efficiency(name, r, ms, alone) {
    alone = BATCHES * best[name]
    return 100 * alone / (alone + (r > 1 ? ms : 0))
}

function network(name, its_bandwidth, its_latency, r) {
    bandwidth = its_bandwidth
    latency = its_latency
    printf "# %s, %g GB/s and %g us per message: efficiency in %%\n", name, bandwidth, latency
    print "# ranks   dense   1 % left   table, copied   table, shared out"
    for (r = 1; r <= 1024; r *= 2)
        printf "%7d %7.1f %10.1f %15.1f %19.1f\n", r, efficiency("dense", r, array(r, DENSE)),
            efficiency("sparse", r, array(r, SPARSE)), efficiency("table", r, replicated(r)),
            efficiency("table", r, sharded(r))
}

END {
    BATCHES = 8 # of those that were measured, in one part
    IDS = 8192
    ROWS = 1000000
    WIDTH = 64
    BIASES = 1024 + 1024 + 10
    DENSE = 784 * 1024 + 1024 * 1024 + 1024 * 10 + BIASES
    SPARSE = int((784 * 1024 + 1024 * 1024) / 100) + 1024 * 10 + BIASES
    for (r = 1; r <= ROWS; r++)
        harmonic += 1 / r
    for (r = 1; r <= 1024; r *= 2)
        all[r] = distinct(r * BATCHES * IDS)
    mine = all[1]
    printf "# alone: dense %.1f ms, 1 %% left %.1f ms, table %.1f ms; memory %.1f GB/s\n", BATCHES * best["dense"],
        BATCHES * best["sparse"], BATCHES * best["table"], memory
    printf "# one core of %s\n\n\n", machine ? machine : "an unknown processor"
    network("a fast network", 12.5, 2)
    printf "\n\n"
    network("a common network", 1.25, 20)
}
