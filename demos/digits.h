/* Labelled images of digits: read from MNIST's files, or drawn. */
#ifndef DIGITS_H
#define DIGITS_H

#include <tulle/tulle.h>

enum { MAX_CLASSES = 256 };

typedef struct digit_set {
    int64_t n;
    tl_real *image; /* n x pixels, each 0 to 1 */
    int32_t *label; /* each 0 to classes - 1 */
} digit_set;

typedef struct digits {
    int64_t height, width;
    int32_t classes;
    digit_set train, test;
} digits;

extern const char digits_help[]; /* says what the folder is to hold, for --help */

/* Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k from a folder, under any of
 * the names that tl_idx_read finds; without a folder (NULL) draws digits of a small font, shifted, slanted,
 * rotated, thick or thin, with noise: the same ones in every run. On failure the reason is in tl_error(), and
 * digits_free must still be called. */
bool digits_get(digits *d, const char *folder);

/* Copies n of the training images, and their labels, in the order listed. */
void digits_gather(const digits *d, const int32_t *listed, int64_t n, tl_real *image, int32_t *label);

void digits_free(digits *d);

#endif
