# The plot of `./dev density`. Expects the file names `table`, written by density.awk, and `picture`, the SVG
# to write; and `torch`: 1 if the table has times of PyTorch, otherwise 0.
set terminal svg size 720,430 font "sans-serif,14" background rgb "white"
set output picture

# the range of the times, and both of them at the lowest density
stats table using 2 nooutput
ours = STATS_min
highest = STATS_max
theirs = 0
if (torch) {
    stats table using 3 nooutput
    highest = highest > STATS_max ? highest : STATS_max
    stats table using ($2 == ours ? $3 : NaN) nooutput
    theirs = STATS_max
}

set logscale xy
set xrange [0.8:125]
set yrange [ours / 1.4:highest * 1.9]
set xtics (1, 2, 5, 10, 20, 50, "100, dense" 100) offset 0,0.3
set ytics (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
set tics nomirror out scale 0.5,0
set xlabel "density: weights kept in the hidden layers (%)" offset 0,0.3
set ylabel "time of a training step (ms)"
set border 3 lc rgb "#606060"
set grid xtics ytics lt 1 lw 1 lc rgb "#e4e4e4"
set tmargin 3.2
unset key
set style line 1 lt 1 lw 2.5 pt 7 ps 0.7 lc rgb "#1f5fa8"
set style line 2 lt 1 lw 2.5 pt 7 ps 0.7 lc rgb "#b03030"

finding = "A removed weight saves time" . (torch ? ", a masked one does not" : "")
set label 1 finding at graph 0,1.1 font ",17"
if (torch) {
    set arrow 1 from 1,ours * 1.25 to 1,theirs / 1.25 heads size screen 0.008,25 lw 1 lc rgb "#606060"
    set label 2 sprintf("%.0f times", theirs / ours) at 1,sqrt(ours * theirs) offset 0.8,0 tc rgb "#606060"
}

tulle = 'table using (100 * $1):2 with linespoints ls 1, \
         table using (100 * $1):2:("tulle, sparse weights") every ::4::4 \
             with labels left offset 1.5,-0.6 font ",16" tc ls 1'
pytorch = 'table using (100 * $1):3 with linespoints ls 2, \
           table using (100 * $1):3:("PyTorch, dense weights under masks") every ::5::5 \
               with labels left offset 0,1.2 font ",16" tc ls 2'
if (torch) {
    plot @tulle, @pytorch
} else {
    plot @tulle
}
