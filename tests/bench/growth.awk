# The table of `./dev growth`, from the JSON lines of the scenario growth: one size at all densities, then all
# sizes at one density. Two empty lines between them make gnuplot take them for two data sets.

function field(key, value) {
    value = $0
    sub(".*\"" key "\": \"?", "", value)
    sub("[\",}].*", "", value)
    return value
}

/"scenario": "growth"/ {
    split(field("case"), part, /[x =]/) # 4096x4096x128 d=0.01
    row = sprintf("%7d  %7s  %8d  %9.3f  %11.1f  %6.3f\n", part[1], part[5], field("nnz"), field("ms"),
        field("ns_per_entry"), field("of_fma"))
    if (part[1] == 4096)
        by_density = by_density row
    if (part[5] == 0.01)
        by_size = by_size row
    gflops += field("gflops")
    share += field("of_fma")
}

END {
    printf "#  size  density   entries  ms a step  ns an entry  of_fma\n"
    printf "%s\n\n%s", by_density, by_size
    if (share > 0)
        printf "# of_fma: the share of %.0f GFLOP/s, the measured peak of multiply-adds\n", gflops / share
}
