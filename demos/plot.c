/* Curves: a panel per field, below one another along one x axis. */
#include "plot.h"
#include "svg.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 640, LEFT = 80, RIGHT = 30, TOP = 20, TITLE = 34, FOOT = 46, LEGEND_LINE = 20 };

const curve *curve_in(const run *r, const char *field)
{
    for (int k = 0; k < r->n; k++)
        if (strcmp(r->curve[k].field, field) == 0)
            return &r->curve[k];
    return NULL;
}

/* ---- Ranges ---- */

typedef struct range {
    double low, high;
} range;

static void include(range *r, double x)
{
    if (isfinite(x)) {
        r->low = fmin(r->low, x);
        r->high = fmax(r->high, x);
    }
}

static range x_range(const figure *f)
{
    range r = { INFINITY, -INFINITY };
    for (int p = 0; p < f->n_fields; p++)
        for (int k = 0; k < f->n_runs; k++) {
            const curve *c = curve_in(&f->run[k], f->field[p]);
            for (int64_t i = 0; c && i < c->n; i++)
                include(&r, c->x[i]);
        }
    if (r.low > r.high)
        return (range){ 0, 1 };
    if (r.low > 0 && r.low < 0.05 * r.high)
        r.low = 0; /* steps that are counted from 1 */
    return r.low == r.high ? (range){ r.low - 0.5, r.high + 0.5 } : r;
}

/* Returns a linear axis around the values, from 0 where they come near it. */
static axis linear_axis(range r)
{
    if (r.low > r.high)
        return (axis){ .low = 0, .high = 1 };
    const double size = r.high - r.low, pad = size > 0 ? 0.05 * size : r.high != 0 ? 0.1 * fabs(r.high) : 1;
    const bool from_zero = r.low >= 0 && r.low < 0.3 * size, to_zero = r.high <= 0 && -r.high < 0.3 * size;
    return (axis){ .low = from_zero ? 0 : r.low - pad, .high = to_zero ? 0 : r.high + pad };
}

static axis y_axis(const figure *f, const char *field)
{
    range all = { INFINITY, -INFINITY }, positive = all;
    for (int k = 0; k < f->n_runs; k++) {
        const curve *c = curve_in(&f->run[k], field);
        for (int64_t i = 0; c && i < c->n; i++) {
            include(&all, c->y[i]);
            if (c->y[i] > 0)
                include(&positive, c->y[i]);
        }
    }
    const bool log = f->log ? positive.low <= positive.high
                            : !f->linear && all.low > 0 && all.high >= 1000 * all.low;
    if (!log)
        return linear_axis(all);
    const double pad = pow(fmax(positive.high / positive.low, 1.5), 0.05);
    return (axis){ .low = positive.low / pad, .high = positive.high * pad, .log = true };
}

/* ---- Drawing ---- */

static bool is_drawn(const axis *y, double value)
{
    return isfinite(value) && (!y->log || value > 0);
}

/* Appends a point to a path, which it begins or continues. */
static void add_point(svg *s, const axis *x, const axis *y, const curve *c, int64_t i, bool first)
{
    svg_print(s, "%s%.2f %.2f", first ? "M" : "L", axis_map(x, c->x[i]), axis_map(y, c->y[i]));
}

/* Draws points first .. end-1, all finite, which are in one column of pixels: the first, the extremes and
 * the last. */
static void add_column(svg *s, const axis *x, const axis *y, const curve *c, int64_t first, int64_t end,
                       bool begins)
{
    int64_t low = first, high = first;
    for (int64_t i = first; i < end; i++) {
        low = c->y[i] < c->y[low] ? i : low;
        high = c->y[i] > c->y[high] ? i : high;
    }
    const int64_t point[] = { first, low < high ? low : high, low < high ? high : low, end - 1 };
    add_point(s, x, y, c, first, begins);
    for (int k = 1; k < 4; k++)
        if (point[k] != point[k - 1])
            add_point(s, x, y, c, point[k], false);
}

/* A value that cannot be drawn leaves a gap, with a cross at the top of the panel. */
static void draw_curve(svg *s, const axis *x, const axis *y, const curve *c, const char *colour)
{
    bool begins = true;
    svg_print(s, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-linejoin=\"round\" d=\"",
              colour);
    for (int64_t i = 0, end; i < c->n; i = end) {
        end = i + 1;
        if (!is_drawn(y, c->y[i])) {
            begins = true;
            continue;
        }
        const double column = floor(2 * axis_map(x, c->x[i]));
        while (end < c->n && is_drawn(y, c->y[end]) && floor(2 * axis_map(x, c->x[end])) == column)
            end++;
        add_column(s, x, y, c, i, end, begins);
        begins = false;
    }
    svg_print(s, "\"/>\n");
    for (int64_t i = 0; i < c->n; i++) {
        const bool before = i > 0 && is_drawn(y, c->y[i - 1]),
                   after = i + 1 < c->n && is_drawn(y, c->y[i + 1]);
        const double at = axis_map(x, c->x[i]);
        if (!isfinite(c->y[i]) && (before || after || i == 0 || i + 1 == c->n))
            svg_print(s, "<path stroke=\"%s\" stroke-width=\"1.6\" d=\"M%.2f %.2fl8 8m0 -8l-8 8\"/>\n",
                      colour, at - 4, y->to + 4);
        else if (is_drawn(y, c->y[i]) && !before && !after)
            svg_print(s, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"2.5\" fill=\"%s\"/>\n", at,
                      axis_map(y, c->y[i]), colour);
    }
}

static void draw_legend(svg *s, const figure *f)
{
    for (int k = 0; f->n_runs > 1 && k < f->n_runs; k++) {
        const double y = TOP + LEGEND_LINE * (k + 0.5);
        svg_print(s, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M%d %.6gh24\"/>\n", svg_colour(k), LEFT, y);
        svg_text(s, LEFT + 32, y + 4, "start", 13, "#222", f->label[k]);
    }
}

static void draw_panel(svg *s, const figure *f, int p, axis x, double top, double height)
{
    axis y = y_axis(f, f->field[p]);
    y.vertical = true;
    y.from = top + height;
    y.to = top;
    y.at = LEFT;
    y.grid = LEFT + WIDTH;
    x.at = top + height;
    x.grid = top;
    svg_text(s, LEFT, top - 8, "start", 14, "#222", f->field[p]);
    axis_draw(s, &x, 8);
    axis_draw(s, &y, height > 200 ? 7 : 5);
    svg_print(s, "<rect x=\"%d\" y=\"%.6g\" width=\"%d\" height=\"%.6g\" fill=\"none\" stroke=\"#888\"/>\n",
              LEFT, top, WIDTH, height);
    for (int k = 0; k < f->n_runs; k++) {
        const curve *c = curve_in(&f->run[k], f->field[p]);
        if (c)
            draw_curve(s, &x, &y, c, svg_colour(k));
    }
}

bool figure_draw(const figure *f, const char *path)
{
    const double panel = f->n_fields == 1 ? 320 : f->n_fields == 2 ? 220 : 150;
    const double head = TOP + (f->n_runs > 1 ? LEGEND_LINE * f->n_runs : 0), pitch = TITLE + panel + 24;
    const range r = x_range(f);
    const axis x = { .low = r.low, .high = r.high, .from = LEFT, .to = LEFT + WIDTH, .integer = f->integer };
    svg s;
    if (!svg_open(&s, path, LEFT + WIDTH + RIGHT, head + f->n_fields * pitch + FOOT - 24))
        return false;
    draw_legend(&s, f);
    for (int p = 0; p < f->n_fields; p++)
        draw_panel(&s, f, p, x, head + p * pitch + TITLE, panel);
    const char *x_name = "";
    for (int k = f->n_runs - 1; k >= 0; k--)
        x_name = f->run[k].x_name ? f->run[k].x_name : x_name;
    svg_text(&s, LEFT + WIDTH / 2.0, head + f->n_fields * pitch + 12, "middle", 13, "#444", x_name);
    return svg_close(&s);
}
