# The plot of `./dev growth`. Expects the file names `table`, written by growth.awk, and `picture`, the SVG to
# write.
set terminal svg size 960,450 font "sans-serif,14" background rgb "white"
set output picture

stats table using 5 nooutput
same = STATS_median # ns per entry; a line of slope 1
same_text = sprintf("%.0f ns an entry", same)

set multiplot layout 1,2 title "One training step of a sparse layer, Y = W X, batch of 128" font ",16"
set logscale xy
set yrange [0.003:300]
set format y "%g"
set ylabel "time (ms)"
set border 3 lc rgb "#606060"
set tics nomirror out
set xtics offset 0,0.4
set mxtics 1
set grid xtics ytics lt 1 lw 1 lc rgb "#e4e4e4"
set key top left Left reverse samplen 2
set style line 1 lt 1 lw 2 pt 7 ps 0.6 lc rgb "#1f5fa8"
set style line 2 lt 1 lw 1 lc rgb "#b03030"

set xlabel "density of W (%), 4096 x 4096"
set xrange [0.07:70]
set xtics (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
plot table index 0 using (100 * $2):(same * $3 * 1e-6) with lines ls 2 title same_text, \
     table index 0 using (100 * $2):4 with linespoints ls 1 title "measured"

set xlabel "rows and columns of W, density 1 %"
set xrange [190:22000]
set xtics (256, 512, 1024, 2048, 4096, 8192, 16384)
plot table index 1 using 1:(same * $3 * 1e-6) with lines ls 2 title same_text, \
     table index 1 using 1:4 with linespoints ls 1 title "measured"
unset multiplot
