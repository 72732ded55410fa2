/* The test images, batch by batch. */
#include "accuracy.h"
#include "demo.h"

enum { TEST_BATCH = 500 };

static int32_t largest_score(const tl_real *score, int32_t n)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n; k++)
        best = score[k] > score[best] ? k : best;
    return best;
}

/* Adds the number of images of a batch that are classified as their labels say. */
static bool count_right(tl_graph *g, tl_node *scores, const int32_t *label, int64_t n, int64_t *right)
{
    const tl_real *score = tl_value(scores);
    if (!score)
        return graph_failed(g);
    const int32_t classes = (int32_t)tl_shape_cols(tl_shape_of(scores));
    for (int64_t k = 0; k < n; k++)
        *right += largest_score(score + k * classes, classes) == label[k];
    return true;
}

bool test_accuracy(const digits *d, scores_function *scores, const void *model, double *accuracy)
{
    const int64_t all = d->test.n, pixels = d->height * d->width;
    int64_t right = 0;
    tl_graph *g = tl_graph_new_inference();
    bool ok = g != NULL;
    for (int64_t first = 0; ok && first < all; first += TEST_BATCH, tl_graph_reset(g)) {
        const int64_t n = all - first < TEST_BATCH ? all - first : TEST_BATCH;
        ok = count_right(g, scores(g, model, d->test.image + first * pixels, n), d->test.label + first, n,
                         &right);
    }
    tl_graph_free(g);
    *accuracy = (double)right / (double)all;
    return ok;
}
