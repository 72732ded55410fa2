/* Pictures of patterns. A cell's shade is the density of its part of the matrix, scaled so that both a
 * diagonal of a million rows and a uniform matrix can be told. */
#include "convert_picture.h"
#include "svg.h"

#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Order ---- */

typedef struct counted {
    int64_t n;
    int32_t index;
} counted;

/* By descending count; equal ones stay in order. */
static int compare(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : (x->index > y->index) - (x->index < y->index);
}

/* Returns the place of each of n rows or columns, of which list[k].n is the count. Frees the list. */
static int32_t *places(counted *list, int64_t n, bool sorted)
{
    int32_t *place = take(n, sizeof *place);
    if (sorted)
        qsort(list, (size_t)n, sizeof *list, compare);
    for (int64_t k = 0; k < n; k++)
        place[list[k].index] = (int32_t)k;
    free(list);
    return place;
}

static counted *count(int64_t n)
{
    counted *list = take(n, sizeof *list);
    for (int64_t k = 0; k < n; k++)
        list[k] = (counted){ 0, (int32_t)k };
    return list;
}

/* ---- Cells ---- */

/* Sets the number of cells: as many as fit, in the matrix's proportions, and no more than there are
 * entries. */
static void size_picture(picture *p, int64_t rows, int64_t cols, int most_rows, int most_cols)
{
    double wide = rows > 0 && cols > 0 ? (double)cols / (double)rows : 1;
    wide = fmin(fmax(wide, 0.25), 4);
    double height = most_rows, width = height * wide;
    if (width > most_cols) {
        width = most_cols;
        height = width / wide;
    }
    p->rows = (int)fmin(fmax(round(height), 1), (double)rows);
    p->cols = (int)fmin(fmax(round(width), 1), (double)cols);
}

/* Returns the first of n rows that is in cell k of `cells`. */
static int64_t first_of(int64_t k, int64_t n, int cells)
{
    return (k * n + cells - 1) / cells;
}

/* Turns numbers of entries into shades. The fullest cell is as dark as its density says or, if most others
 * are emptier, darker. */
static void shade(picture *p, const tl_csr *s)
{
    double most = 0, sum = 0;
    const int n = p->rows * p->cols;
    for (int r = 0; r < p->rows; r++)
        for (int c = 0; c < p->cols; c++) {
            const int64_t height = first_of(r + 1, s->rows, p->rows) - first_of(r, s->rows, p->rows);
            const int64_t width = first_of(c + 1, s->cols, p->cols) - first_of(c, s->cols, p->cols);
            double *x = &p->shade[r * p->cols + c];
            *x /= (double)height * (double)width;
            most = fmax(most, *x);
            sum += *x;
        }
    if (most == 0)
        return;
    const double top = fmax(pow(most, 0.4), 1 - sum / n / most);
    for (int k = 0; k < n; k++)
        p->shade[k] = top * sqrt(p->shade[k] / most);
}

picture picture_make(const tl_pattern *pattern, int most_rows, int most_cols, order o)
{
    const tl_csr s = tl_pattern_csr(pattern);
    picture p;
    size_picture(&p, s.rows, s.cols, most_rows, most_cols);
    p.shade = take((int64_t)p.rows * p.cols, sizeof *p.shade);
    for (int k = 0; k < p.rows * p.cols; k++)
        p.shade[k] = 0;
    counted *rows = count(s.rows), *cols = count(s.cols);
    for (int64_t i = 0; i < s.rows; i++)
        rows[i].n = s.row_ptr[i + 1] - s.row_ptr[i];
    for (int64_t e = 0; e < s.nnz; e++)
        cols[s.col[e]].n++;
    const bool sorted = o == ORDER_DEGREE || (o == ORDER_AUTO && (p.rows < s.rows || p.cols < s.cols));
    int32_t *row_place = places(rows, s.rows, sorted), *col_place = places(cols, s.cols, sorted);
    for (int64_t i = 0; i < s.rows; i++)
        for (int64_t e = s.row_ptr[i]; e < s.row_ptr[i + 1]; e++) {
            const int64_t r = (int64_t)row_place[i] * p.rows / s.rows;
            const int64_t c = (int64_t)col_place[s.col[e]] * p.cols / s.cols;
            p.shade[r * p.cols + c]++;
        }
    free(row_place);
    free(col_place);
    shade(&p, &s);
    return p;
}

void picture_free(picture *p)
{
    free(p->shade);
    *p = (picture){ 0 };
}

/* ---- In the terminal ---- */

/* Sets each shade to 0 or 1 and spreads the difference (Floyd and Steinberg 1976). */
static void dither(picture *p)
{
    for (int r = 0; r < p->rows; r++)
        for (int c = 0; c < p->cols; c++) {
            double *x = &p->shade[r * p->cols + c];
            const double on = *x >= 0.5 ? 1 : 0, error = *x - on;
            const bool right = c + 1 < p->cols, below = r + 1 < p->rows;
            *x = on;
            if (right)
                x[1] += error * 7 / 16;
            if (below && c > 0)
                x[p->cols - 1] += error * 3 / 16;
            if (below)
                x[p->cols] += error * 5 / 16;
            if (below && right)
                x[p->cols + 1] += error / 16;
        }
}

static double at(const picture *p, int r, int c)
{
    return r < p->rows && c < p->cols ? p->shade[r * p->cols + c] : 0;
}

/* U+2800 is empty; its bits are dots: 1 2 3 7 on the left, 4 5 6 8 on the right. */
static void print_braille(const picture *p, FILE *out)
{
    static const unsigned char bit[4][2] = { { 1, 8 }, { 2, 16 }, { 4, 32 }, { 64, 128 } };
    for (int r = 0; r < p->rows; r += 4) {
        fputs("  ", out);
        for (int c = 0; c < p->cols; c += 2) {
            unsigned dots = 0;
            for (int k = 0; k < 8; k++)
                if (at(p, r + k / 2, c + k % 2) > 0.5)
                    dots |= bit[k / 2][k % 2];
            fprintf(out, "\xe2%c%c", (int)(0xa0 | dots >> 6), (int)(0x80 | (dots & 63)));
        }
        fputc('\n', out);
    }
}

/* A character is 1 x 2 cells. */
static void print_ascii(const picture *p, FILE *out)
{
    static const char ink[] = " .:-=+*#%@";
    for (int r = 0; r < p->rows; r += 2) {
        fputs("  |", out);
        for (int c = 0; c < p->cols; c++) {
            const double mean = r + 1 < p->rows ? (at(p, r, c) + at(p, r + 1, c)) / 2 : at(p, r, c);
            fputc(ink[(int)ceil(9 * fmin(mean, 1))], out);
        }
        fputs("|\n", out);
    }
}

void picture_print(const tl_pattern *pattern, FILE *out)
{
    enum { LINES = 20, COLUMNS = 72 };
    const bool braille = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (tl_pattern_rows(pattern) == 0 || tl_pattern_cols(pattern) == 0)
        return;
    picture p = picture_make(pattern, braille ? 4 * LINES : 2 * LINES, braille ? 2 * COLUMNS : COLUMNS,
                             ORDER_FILE);
    if (braille) {
        dither(&p);
        print_braille(&p, out);
    } else {
        print_ascii(&p, out);
    }
    picture_free(&p);
}

/* ---- As SVG ---- */

enum { LEVELS = 16 };

static int level_at(const picture *p, int r, int c)
{
    return (int)ceil(LEVELS * fmin(at(p, r, c), 1) - 1e-9);
}

/* Draws all cells of one shade as one path, cells that are side by side as one rectangle. */
static void draw_level(svg *s, const picture *p, int level)
{
    const int gray = 255 - 255 * level / LEVELS;
    bool begun = false;
    for (int r = 0; r < p->rows; r++)
        for (int c = 0, end; c < p->cols; c = end) {
            for (end = c + 1; level_at(p, r, c) == level && end < p->cols && level_at(p, r, end) == level;)
                end++;
            if (level_at(p, r, c) != level)
                continue;
            if (!begun)
                svg_print(s, "<path fill=\"#%02x%02x%02x\" d=\"", gray, gray, gray);
            begun = true;
            svg_print(s, "M%d %dh%dv1h-%dz", c, r, end - c, end - c);
        }
    if (begun)
        svg_print(s, "\"/>\n");
}

bool picture_svg(const char *path, const tl_pattern *pattern, const char *title, order o)
{
    enum { SIDE = 600, LEFT = 70, TOP = 60, MARGIN = 30, FOOT = 36 };
    const int64_t rows = tl_pattern_rows(pattern), cols = tl_pattern_cols(pattern);
    picture p = picture_make(pattern, 200, 200, o);
    const double cell = (double)SIDE / fmax(fmax(p.rows, p.cols), 1), width = cell * p.cols,
                 height = cell * p.rows;
    svg s;
    if (!svg_open(&s, path, LEFT + width + MARGIN, TOP + height + FOOT)) {
        picture_free(&p);
        return false;
    }
    svg_text(&s, LEFT, 22, "start", 15, "#222", title);
    const bool sorted = o == ORDER_DEGREE || (o == ORDER_AUTO && (p.rows < rows || p.cols < cols));
    char *note = text_of("%" PRId64 " x %" PRId64 ", %" PRId64 " entries%s", rows, cols,
                         tl_pattern_nnz(pattern), sorted ? "; rows and columns by number of entries" : "");
    svg_text(&s, LEFT, TOP + height + 22, "start", 12, "#666", note);
    free(note);
    svg_print(&s, "<g transform=\"translate(%d %d) scale(%.6g)\" shape-rendering=\"crispEdges\">\n", LEFT,
              TOP, cell);
    for (int level = 1; level <= LEVELS; level++)
        draw_level(&s, &p, level);
    svg_print(
        &s, "</g>\n<rect x=\"%d\" y=\"%d\" width=\"%.6g\" height=\"%.6g\" fill=\"none\" stroke=\"#888\"/>\n",
        LEFT, TOP, width, height);
    const axis top = { .high = (double)cols, .from = LEFT, .to = LEFT + width, .at = TOP, .integer = true };
    const axis left = {
        .high = (double)rows, .from = TOP, .to = TOP + height, .at = LEFT, .integer = true, .vertical = true
    };
    if (cols > 0)
        axis_draw(&s, &top, 6);
    if (rows > 0)
        axis_draw(&s, &left, 6);
    picture_free(&p);
    return svg_close(&s);
}
