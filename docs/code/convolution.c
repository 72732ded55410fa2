/* A convolution as a lookup and a product (im2col): pixels are the rows of a table, each place of the output
 * looks up those under its window, and the windows are the rows of a matrix. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tulle/tulle.h>

enum { HEIGHT = 7, WIDTH = 6, CHANNELS = 2, KERNEL = 3, FILTERS = 4 };
enum { ROWS = HEIGHT - KERNEL + 1, COLS = WIDTH - KERNEL + 1, WINDOW = KERNEL * KERNEL };

static void check(bool good)
{
    if (!good) {
        fprintf(stderr, "%s\n", tl_error());
        exit(1);
    }
}

/* Numbers the pixels under each window; for a whole batch, image n adds n HEIGHT WIDTH. Done once. */
static void find_windows(int32_t ids[ROWS * COLS * WINDOW])
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++)
            for (int k = 0; k < WINDOW; k++)
                *ids++ = (i + k / KERNEL) * WIDTH + j + k % KERNEL;
}

/* image: HEIGHT WIDTH x CHANNELS; w: WINDOW CHANNELS x FILTERS; the result: ROWS COLS x FILTERS. */
static tl_node *convolve(tl_node *image, tl_node *w, const int32_t *ids)
{
    tl_node *windows = tl_embedding_lookup(image, ids, TL_SHAPE(ROWS * COLS, WINDOW));
    return tl_matmul(tl_reshape(windows, TL_SHAPE(ROWS * COLS, WINDOW * CHANNELS)), w);
}

/* One element of the result, by the definition. */
static double convolve_at(const tl_real *image, const tl_real *w, int place, int filter)
{
    double sum = 0;
    for (int k = 0; k < WINDOW; k++)
        for (int c = 0; c < CHANNELS; c++) {
            const int pixel = (place / COLS + k / KERNEL) * WIDTH + place % COLS + k % KERNEL;
            sum += (double)image[pixel * CHANNELS + c] * (double)w[(k * CHANNELS + c) * FILTERS + filter];
        }
    return sum;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    int32_t ids[ROWS * COLS * WINDOW];
    tl_real image[HEIGHT * WIDTH * CHANNELS];
    for (int k = 0; k < HEIGHT * WIDTH * CHANNELS; k++)
        image[k] = (tl_real)tl_random_normal(&rng);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(WINDOW * CHANNELS, FILTERS));
    tl_graph *g = tl_graph_new();
    check(g && tl_init_he(w, &rng) == TL_OK);

    find_windows(ids);
    tl_node *y = convolve(tl_input(g, TL_SHAPE(HEIGHT * WIDTH, CHANNELS), image), tl_use(g, w), ids);
    check(y != NULL);
    double largest = 0;
    for (int k = 0; k < ROWS * COLS * FILTERS; k++)
        largest = fmax(largest, fabs((double)tl_value(y)[k] -
                                     convolve_at(image, tl_variable_values(w), k / FILTERS, k % FILTERS)));
    printf("%d values, as by the definition: %s\n", ROWS * COLS * FILTERS, largest < 1e-5 ? "yes" : "no");
    tl_graph_free(g);
    tl_variable_free(w);
    return !(largest < 1e-5);
}
