/* The methods, the choice of connections by magnitude, and the count of removed ones that are not zero. */
#include "methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The connections to keep ---- */

typedef struct connection {
    tl_real magnitude;
    int64_t at;
} connection;

static int larger_first(const void *left, const void *right)
{
    const connection *a = left, *b = right;
    if (a->magnitude != b->magnitude)
        return a->magnitude > b->magnitude ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* Sets keep[k] = 1 for the n largest of `size` weights. */
static bool mark_largest(const tl_real *weight, int64_t size, int64_t n, connection *sorted, uint8_t *keep)
{
    for (int64_t k = 0; k < size; k++) {
        if (!isfinite(weight[k])) {
            tl_fail(TL_ERR_NUMERIC, "a weight became %g: try a smaller --learning-rate", (double)weight[k]);
            return false;
        }
        sorted[k] = (connection){ (tl_real)fabs(weight[k]), k };
    }
    qsort(sorted, (size_t)size, sizeof *sorted, larger_first);
    for (int64_t k = 0; k < n; k++)
        keep[sorted[k].at] = 1;
    return true;
}

static tl_pattern *largest(tl_variable *w, double density)
{
    int64_t size = tl_variable_size(w), n = llround(density * (double)size);
    connection *sorted = malloc((size_t)size * sizeof *sorted);
    uint8_t *keep = calloc((size_t)size, 1);
    tl_pattern *p = NULL;
    if (!sorted || !keep)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    else if (mark_largest(tl_variable_values(w), size, n, sorted, keep))
        p = tl_pattern_from_mask(tl_variable_shape(w).dim[0], tl_variable_shape(w).dim[1], keep);
    free(sorted);
    free(keep);
    return p;
}

bool choose_connections(trainee *t, double density)
{
    for (int l = 0; l < t->net.n_hidden; l++)
        if (!(t->keep[l] = largest(t->net.weight[l], density)))
            return false;
    return true;
}

/* ---- The methods ---- */

/* Copies the value of a node to a variable of as many values, and frees the graph. */
static bool copy_result(tl_graph *g, const tl_node *from, tl_variable *to)
{
    bool ok = from && to;
    if (ok)
        memcpy(tl_variable_data(to), tl_value(from), (size_t)tl_variable_size(to) * sizeof(tl_real));
    else if (g && tl_graph_status(g) != TL_OK)
        tl_fail(tl_graph_status(g), "%s", tl_graph_error(g));
    tl_graph_free(g);
    return ok;
}

/* The published recipe: sets the removed weights to zero, and masks their gradients from then on. The
 * optimizer keeps its state, and its moments of the removed weights are what revives them. */
static bool mask_the_gradients(trainee *t)
{
    for (int l = 0; l < t->net.n_hidden; l++) {
        tl_variable *w = t->net.weight[l];
        tl_graph *g = tl_graph_new();
        tl_node *kept = tl_dense_to_sparse(tl_use(g, w), t->keep[l]);
        if (!copy_result(g, tl_sparse_to_dense(kept, NULL), w))
            return false;
        t->mask[l] = (tl_gradient_mask){ w, t->keep[l] };
    }
    t->masks = (tl_gradient_masks){ t->mask, t->net.n_hidden };
    return tl_optimizer_add_transform(t->optimizer, tl_mask_gradients, &t->masks) == TL_OK;
}

/* Dense storage with a permanent mask. The optimizer keeps its state of the kept weights; off the mask the
 * call clears it. */
static bool set_the_mask(trainee *t)
{
    for (int l = 0; l < t->net.n_hidden; l++)
        if (tl_variable_set_mask(t->net.weight[l], t->keep[l]) != TL_OK)
            return false;
    return true;
}

/* Sparse storage: new variables take the values of the kept connections. They get a new optimizer, which
 * continues the schedule. */
static bool make_sparse(trainee *t)
{
    for (int l = 0; l < t->net.n_hidden; l++) {
        tl_variable *dense = t->net.weight[l];
        tl_variable *sparse = tl_variable_sparse(tl_variable_name(dense), t->keep[l]);
        tl_graph *g = tl_graph_new();
        if (!copy_result(g, tl_dense_to_sparse(tl_use(g, dense), t->keep[l]), sparse)) {
            tl_variable_free(sparse);
            return false;
        }
        t->net.weight[l] = sparse;
        tl_variable_free(dense);
    }
    tl_optimizer_free(t->optimizer);
    t->course.done = t->course.steps / 2;
    t->optimizer = make_optimizer(t->kind, t->learning_rate, &t->course);
    return t->optimizer != NULL;
}

const method methods[N_METHODS + 1] = {
    { "dense", "nothing is removed: for reference", NULL, false },
    { "mask-gradients", "removed weights are set to 0, and their gradients from then on", mask_the_gradients,
      false },
    { "set-mask", "dense storage with a permanent mask", set_the_mask, true },
    { "sparse", "only the kept connections exist", make_sparse, true },
    { NULL, NULL, NULL, false },
};

/* ---- Removed weights that are not zero ---- */

/* Counts the values of `data`, row-major, that are not zero off the pattern. */
static int64_t nonzero_off(const tl_pattern *keep, const tl_real *data)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(keep);
    const int32_t *col = tl_pattern_col(keep);
    int64_t rows = tl_pattern_rows(keep), cols = tl_pattern_cols(keep), n = 0, e = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            bool kept = e < row_ptr[i + 1] && col[e] == j;
            e += kept;
            n += !kept && data[i * cols + j] != 0;
        }
    return n;
}

bool count_revived(const trainee *t, int64_t *revived, int64_t *removed)
{
    *revived = *removed = 0;
    for (int l = 0; l < t->net.n_hidden && t->keep[l]; l++) {
        tl_graph *g = tl_graph_new();
        tl_node *w = tl_use(g, t->net.weight[l]);
        if (tl_variable_is_sparse(t->net.weight[l]))
            w = tl_sparse_to_dense(w, NULL);
        bool ok = w != NULL;
        if (ok) {
            *revived += nonzero_off(t->keep[l], tl_value(w));
            *removed += tl_shape_size(tl_shape_of(w)) - tl_pattern_nnz(t->keep[l]);
        }
        tl_graph_free(g);
        if (!ok)
            return false;
    }
    return true;
}

void trainee_free(trainee *t)
{
    tl_optimizer_free(t->optimizer);
    network_free(&t->net);
    for (int l = 0; l < MAX_HIDDEN; l++)
        tl_pattern_release(t->keep[l]);
    *t = (trainee){ 0 };
}
