/* SVG files. Numbers are written in the C locale, which the programs keep for them. */
#include "svg.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <tulle/tulle.h>
#include <unistd.h>

static bool failed(const svg *s)
{
    tl_fail(TL_ERR_IO, "%s: %s", s->path, strerror(errno));
    return false;
}

bool svg_open(svg *s, const char *path, double width, double height)
{
    *s = (svg){ strcmp(path, "-") == 0 ? stdout : fopen(path, "w"), path };
    if (!s->file)
        return failed(s);
    svg_print(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
        "font-family=\"Helvetica, Arial, sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" "
        "fill=\"white\"/>\n",
        width, height, width, height);
    return true;
}

void svg_print(svg *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(s->file, format, args);
    va_end(args);
}

void svg_text(svg *s, double x, double y, const char *anchor, int size, const char *fill, const char *text)
{
    svg_print(s, "<text x=\"%.6g\" y=\"%.6g\" text-anchor=\"%s\" font-size=\"%d\" fill=\"%s\">", x, y, anchor,
              size, fill);
    for (; *text; text++)
        switch (*text) {
        case '&': svg_print(s, "&amp;"); break;
        case '<': svg_print(s, "&lt;"); break;
        case '>': svg_print(s, "&gt;"); break;
        default: /* control characters are no XML */
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, s->file);
        }
    svg_print(s, "</text>\n");
}

/* Okabe and Ito 2008, with grey in place of black. */
const char *svg_colour(int k)
{
    static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                           "#e69f00", "#56b4e9", "#999999" };
    return colours[k % (int)(sizeof colours / sizeof *colours)];
}

bool svg_close(svg *s)
{
    svg_print(s, "</svg>\n");
    struct stat is;
    const bool to_stdout = s->file == stdout, ok = fflush(s->file) == 0 && !ferror(s->file);
    if ((to_stdout || fclose(s->file) == 0) && ok)
        return true;
    failed(s);
    if (!to_stdout && stat(s->path, &is) == 0 && S_ISREG(is.st_mode)) /* not a device, or a link to one */
        unlink(s->path);
    return false;
}

/* ---- Axes ---- */

double axis_map(const axis *a, double x)
{
    const double part = a->log ? log(x / a->low) / log(a->high / a->low) : (x - a->low) / (a->high - a->low);
    return a->from + part * (a->to - a->from);
}

/* Returns the smallest of 1, 2, 5, 10, 20 .. times a power of ten that is no less than x. */
static double round_up(double x)
{
    const double power = pow(10, floor(log10(x))), part = x / power;
    return power * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

static int log_ticks(const axis *a, int wanted, double tick[MOST_TICKS])
{
    const int first = (int)floor(log10(a->low)), last = (int)ceil(log10(a->high));
    const int step = (last - first) / (wanted + 1) + 1; /* decades from tick to tick */
    const double part[] = { 1, 2, 5 };
    const int parts = last - first <= 2 ? 3 : 1;
    int n = 0;
    for (int e = first; e <= last; e++)
        for (int k = 0; k < parts && n < MOST_TICKS; k++) {
            const double x = part[k] * pow(10, e);
            if (x >= a->low * (1 - 1e-9) && x <= a->high * (1 + 1e-9) && e % step == 0)
                tick[n++] = x;
        }
    return n;
}

static double distance_of(const axis *a, int wanted)
{
    const double distance = round_up((a->high - a->low) / wanted);
    return a->integer ? fmax(distance, 1) : distance;
}

int axis_ticks(const axis *a, int wanted, double tick[MOST_TICKS])
{
    if (a->log && a->high >= 10 * a->low)
        return log_ticks(a, wanted, tick);
    const double distance = distance_of(a, wanted);
    int n = 0;
    for (double k = ceil(a->low / distance - 1e-9);
         k * distance <= a->high + 1e-9 * distance && n < MOST_TICKS; k++)
        tick[n++] = k * distance;
    return n;
}

void axis_label(char to[32], double tick, double distance)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" }, { 1, "" } };
    const double size = fabs(tick);
    int k = 3;
    if (tick == 0) {
        snprintf(to, 32, "0");
        return;
    }
    if (size >= 1e13 || (size < 1e-3 && distance < 1e-3)) {
        snprintf(to, 32, "%.*g", (int)fmin(fmax(1 + round(log10(size / distance)), 1), 8), tick);
        return;
    }
    if (size >= 1e4)
        for (k = 0; units[k].unit > size;)
            k++;
    const int digits = (int)fmax(0, ceil(-log10(distance / units[k].unit) - 1e-9));
    snprintf(to, 32, "%.*f%s", digits, tick / units[k].unit, units[k].name);
}

/* In a range of many digits, the distance tells how many of them to show; on a logarithmic axis each tick
 * does. */
void axis_draw(svg *s, const axis *a, int wanted)
{
    double tick[MOST_TICKS];
    const int n = axis_ticks(a, wanted, tick);
    const bool decades = a->log && a->high >= 10 * a->low;
    for (int k = 0; k < n; k++) {
        char label[32];
        const double p = axis_map(a, tick[k]);
        axis_label(label, tick[k], decades ? pow(10, floor(log10(tick[k]) + 1e-9)) : distance_of(a, wanted));
        if (a->vertical) {
            svg_print(s, "<path d=\"M%.6g %.6gH%.6g\" stroke=\"%s\"/>\n", a->at - 5, p,
                      a->grid > 0 ? a->grid : a->at, a->grid > 0 ? "#ddd" : "#888");
            svg_text(s, a->at - 8, p + 4, "end", 12, "#444", label);
        } else {
            svg_print(s, "<path d=\"M%.6g %.6gV%.6g\" stroke=\"%s\"/>\n", p, a->at,
                      a->grid > 0 ? a->grid : a->at - 5, a->grid > 0 ? "#ddd" : "#888");
            svg_text(s, p, a->grid > 0 ? a->at + 17 : a->at - 9, "middle", 12, "#444", label);
        }
    }
}
