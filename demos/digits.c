/* Images of digits: reading MNIST's files, and drawing. */
#include "digits.h"
#include "path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char digits_help[] = "MNIST's four IDX files, or the same .gz (default: digits drawn by the program)";

static bool set_make(digit_set *set, int64_t n, int64_t pixels)
{
    set->n = n;
    set->image = malloc((size_t)(n * pixels) * sizeof *set->image);
    set->label = malloc((size_t)n * sizeof *set->label);
    if (set->image && set->label)
        return true;
    tl_fail(TL_ERR_MEMORY, "out of memory for %lld images", (long long)n);
    return false;
}

void digits_free(digits *d)
{
    free(d->train.image);
    free(d->train.label);
    free(d->test.image);
    free(d->test.label);
    *d = (digits){ 0 };
}

void digits_gather(const digits *d, const int32_t *listed, int64_t n, tl_real *image, int32_t *label)
{
    int64_t pixels = d->height * d->width;
    for (int64_t k = 0; k < n; k++) {
        memcpy(image + k * pixels, d->train.image + listed[k] * pixels, (size_t)pixels * sizeof *image);
        label[k] = d->train.label[listed[k]];
    }
}

/* ---- From files ---- */

/* Maps pixels from 0 .. 255 to 0 .. 1. */
static bool convert_images(digits *d, digit_set *set, const tl_idx *images, const char *path)
{
    if (images->type != TL_IDX_UINT8 || images->rank != 3 || images->size == 0) {
        tl_fail(TL_ERR_FORMAT, "%s: holds no images of 8-bit pixels", path);
        return false;
    }
    if (set == &d->test && (images->dim[1] != d->height || images->dim[2] != d->width)) {
        tl_fail(TL_ERR_FORMAT, "%s: images of %lldx%lld pixels; the training images have %lldx%lld", path,
                (long long)images->dim[1], (long long)images->dim[2], (long long)d->height,
                (long long)d->width);
        return false;
    }
    d->height = images->dim[1];
    d->width = images->dim[2];
    if (!set_make(set, images->dim[0], d->height * d->width))
        return false;
    const uint8_t *pixel = images->data;
    for (int64_t k = 0; k < images->size; k++)
        set->image[k] = (tl_real)pixel[k] / 255;
    return true;
}

/* The number of classes is the largest label + 1. */
static bool convert_labels(digits *d, digit_set *set, const tl_idx *labels, const char *path)
{
    for (int64_t k = 0; k < set->n; k++) {
        double label = tl_idx_get(labels, k);
        if (!(label >= 0 && label < MAX_CLASSES)) {
            tl_fail(TL_ERR_FORMAT, "%s: label %lld is %g, which is not in 0..%d", path, (long long)k, label,
                    MAX_CLASSES - 1);
            return false;
        }
        set->label[k] = (int32_t)label;
        d->classes = set->label[k] < d->classes ? d->classes : set->label[k] + 1;
    }
    return true;
}

static bool read_set(digits *d, digit_set *set, const char *folder, const char *image_name,
                     const char *label_name)
{
    char image_path[MAX_PATH], label_path[MAX_PATH];
    tl_idx images = { 0 }, labels = { 0 };
    bool ok = path_in(image_path, folder, image_name) && path_in(label_path, folder, label_name) &&
              tl_idx_read_labelled(image_path, label_path, &images, &labels) == TL_OK &&
              convert_images(d, set, &images, image_path) && convert_labels(d, set, &labels, label_path);
    tl_idx_free(&images);
    tl_idx_free(&labels);
    return ok;
}

static bool digits_read(digits *d, const char *folder)
{
    *d = (digits){ 0 };
    return read_set(d, &d->train, folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte") &&
           read_set(d, &d->test, folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
}

/* ---- Drawn ---- */

enum { SIDE = 16, FONT_WIDTH = 5, FONT_HEIGHT = 7, TRAIN = 4000, TEST = 1000, DRAWS_PER_IMAGE = 1024 };

static const char font[FONT_HEIGHT][10 * (FONT_WIDTH + 1) + 1] = {
    " ###    #    ###   ###     #  #####   ##  #####  ###   ###  ",
    "#   #  ##   #   # #   #   ##  #      #        # #   # #   # ",
    "#   #   #       #     #  # #  ####  #        #  #   # #   # ",
    "#   #   #      #    ##  #  #      # ####    #    ###   #### ",
    "#   #   #     #       # #####     # #   #   #   #   #     # ",
    "#   #   #    #    #   #    #  #   # #   #  #    #   #    #  ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##   ",
};

static double between(tl_random *rng, double lo, double hi)
{
    return lo + (hi - lo) * tl_random_uniform(rng);
}

static double ink(int digit, int x, int y)
{
    bool inside = x >= 0 && x < FONT_WIDTH && y >= 0 && y < FONT_HEIGHT;
    return inside && font[y][digit * (FONT_WIDTH + 1) + x] == '#';
}

/* Interpolates the font bilinearly between the centers of its cells. */
static double smooth_ink(int digit, double x, double y)
{
    int i = (int)floor(x), j = (int)floor(y);
    double u = x - i, v = y - j;
    return (1 - v) * ((1 - u) * ink(digit, i, j) + u * ink(digit, i + 1, j)) +
           v * ((1 - u) * ink(digit, i, j + 1) + u * ink(digit, i + 1, j + 1));
}

static double unit(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* Maps each pixel to its place in the font: the inverse of shifting, slanting, rotating and scaling a
 * digit. */
static void draw(int digit, tl_random *rng, tl_real image[SIDE][SIDE])
{
    double center_x = SIDE / 2.0 + between(rng, -2.5, 2.5), center_y = SIDE / 2.0 + between(rng, -1.5, 1.5);
    double width = between(rng, 1.3, 2), height = between(rng, 1.3, 1.9); /* pixels per cell */
    double slant = between(rng, -0.4, 0.4), turn = between(rng, -0.2, 0.2);
    double threshold = between(rng, 0.2, 0.5); /* the lower, the thicker the strokes */
    double noise = between(rng, 0.05, 0.2);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double dx = x + 0.5 - center_x, dy = y + 0.5 - center_y;
            double v = (dy - turn * dx) / height, u = (dx + turn * dy) / width + slant * v;
            double stroke = smooth_ink(digit, u + (FONT_WIDTH - 1) / 2.0, v + (FONT_HEIGHT - 1) / 2.0);
            double gray = unit(4 * (stroke - threshold)) + noise * tl_random_normal(rng);
            image[y][x] = (tl_real)unit(gray);
        }
}

/* Image k has its own range of draws, so that it does not depend on the others. */
static bool draw_set(digit_set *set, int64_t n, uint64_t seed)
{
    if (!set_make(set, n, SIDE * SIDE))
        return false;
    for (int64_t k = 0; k < n; k++) {
        tl_random rng = { .seed = seed, .position = (uint64_t)k * DRAWS_PER_IMAGE };
        set->label[k] = (int32_t)(k % 10);
        draw((int)(k % 10), &rng, (tl_real(*)[SIDE])(set->image + k * SIDE * SIDE));
    }
    return true;
}

static bool digits_draw(digits *d)
{
    *d = (digits){ .height = SIDE, .width = SIDE, .classes = 10 };
    return draw_set(&d->train, TRAIN, 1) && draw_set(&d->test, TEST, 2);
}

bool digits_get(digits *d, const char *folder)
{
    return folder ? digits_read(d, folder) : digits_draw(d);
}
