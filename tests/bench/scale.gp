# The plot of `./dev scale`. Expects the file names `table`, written by scale.awk, and `picture`, the SVG to write.
set terminal svg size 960,430 font "sans-serif,14" background rgb "white"
set output picture

set multiplot layout 1,2 title "Efficiency of R ranks that share a batch, by a model" font ",16"
set logscale x 2
set xrange [0.9:1150]
set xtics (1, 4, 16, 64, 256, 1024) offset 0,0.3
set yrange [0:104]
set ylabel "time of one rank alone / time of R (%)"
set xlabel "ranks, each with a part of the same size"
set border 3 lc rgb "#606060"
set tics nomirror out scale 0.5,0
set grid xtics ytics lt 1 lw 1 lc rgb "#e4e4e4"
unset key
set style line 1 lt 1 lw 2 pt 7 ps 0.5 lc rgb "#1f5fa8"
set style line 2 lt 1 lw 2 pt 7 ps 0.5 lc rgb "#2e8b57"
set style line 3 lt 1 lw 2 pt 7 ps 0.5 lc rgb "#b03030"
set style line 4 lt 1 lw 2 pt 7 ps 0.5 lc rgb "#c88a1c"

set title "12.5 GB/s, 2 us per message"
set label 1 "dense layers" at 1024,103 right offset 0,0.2 tc ls 1
set label 2 "1 % of the weights left" at 90,84 right tc ls 2
set label 3 "table, shared out" at 3,57 tc ls 4
set label 4 "table, a copy each" at 9,22 tc ls 3
plot for [k=2:5] table index 0 using 1:k with linespoints ls k - 1
unset label
set title "1.25 GB/s, 20 us per message"
unset ylabel
plot for [k=2:5] table index 1 using 1:k with linespoints ls k - 1
unset multiplot
