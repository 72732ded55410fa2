# The table of `./dev density`: the best times in the JSON lines of mlp_step, of several rounds. PyTorch's
# columns are left out if there are no lines of it.

function field(key, value) {
    value = $0
    sub(".*\"" key "\": \"?", "", value)
    sub("[\",}].*", "", value)
    return value
}

/"scenario": "mlp_step"/ {
    split(field("case"), part, "d=") # 784-1024-1024-10 b=128 d=0.01
    d = part[2]
    impl = field("impl")
    ms = field("ms") + 0
    if (impl == "tulle" && !((impl, d) in best))
        density[++n] = d
    if (!((impl, d) in best) || ms < best[impl, d])
        best[impl, d] = ms
    if (!((impl, d) in median) || field("median_ms") < median[impl, d])
        median[impl, d] = field("median_ms") + 0
}

/"impl": "torch"/ {
    split($0, part, "\"version\": \"") # has commas
    version = part[2]
    sub("\".*", "", version)
}

END {
    printf "# density  tulle ms%s\n", version ? "  PyTorch ms  ratio" : ""
    for (k = 1; k <= n; k++) {
        d = density[k]
        ours = best["tulle", d]
        theirs = best["torch", d]
        printf "%9s  %8.2f", d, ours
        printf version ? sprintf("  %10.2f  %5.1f\n", theirs, theirs / ours) : "\n"
    }
    printf "# one core of %s\n", machine ? machine : "an unknown processor"
    if (version)
        printf "# %s\n", version
    for (k in best)
        if (median[k] > 1.3 * best[k])
            busy = 1
    if (busy)
        print "density: the medians are far above the best times; measure again when the machine is quiet" \
            >"/dev/stderr"
}
